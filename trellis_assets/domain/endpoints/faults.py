"""Whose fault it is that there is no model: what a generation server says, and a miner reads.

| fault | status | what the miner does |
|---|---|---|
| of the prompt | 422 with `X-Fault: prompt` | hands the task back: every server would say the same |
| of the server, passing | 503 with `Retry-After` | tries again, here or elsewhere |
| of the server, lasting | 500 | the breaker opens; the task goes elsewhere or waits |
| the server cannot make models at all | 503 at `/health/` too | nothing is pulled for this server |
"""

FAULT_HEADER = "X-Fault"
PROMPT_FAULT = "prompt"
SERVER_FAULT = "server"
