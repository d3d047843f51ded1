"""Faults: how a generation server says whose fault it is that there is no model, and what a miner does.

| fault | status | what the miner does |
|---|---|---|
| of the prompt | 422 with `X-Fault: prompt` | hands the task back: every server would answer the same |
| of the server, passing | 503 with `Retry-After` | tries again, here or at another endpoint |
| of the server, lasting | 500 | the breaker trips; the task goes to another endpoint or waits |
| the server cannot make models at all | 503 at `/health/` too | nothing is pulled for this server |
"""

FAULT_HEADER = "X-Fault"
PROMPT_FAULT = "prompt"
SERVER_FAULT = "server"
