// Keeps the start page up to date: it polls for the sections that changed, only while the page is seen.
const INTERVAL_MS = 5_000;
const LONGEST_MS = 60_000;
const TIMEOUT_MS = 15_000;

const page = document.getElementById("overview");
const connection = document.getElementById("connection");
let timer = 0;
let isPolling = false;
let failures = 0;

function sections() {
  return [...page.querySelectorAll("[data-section]")];
}

// What a reader has opened, focused or scrolled stays so.
function exchange(section, html) {
  const open = new Set([...section.querySelectorAll("details[open]")].map((each) => each.dataset.key));
  const focusable = () => [...section.querySelectorAll("a, summary, [tabindex]")];
  const focused = focusable().indexOf(document.activeElement);
  section.innerHTML = html;
  for (const each of section.querySelectorAll("details")) each.open = open.has(each.dataset.key);
  if (focused >= 0) focusable()[focused]?.focus({ preventScroll: true });
}

async function poll() {
  if (isPolling || document.hidden) return;
  isPolling = true;
  try {
    const have = sections().map((section) => section.dataset.digest).join(".");
    const answer = await fetch(`/live?have=${have}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!answer.ok) throw new Error(`the gallery answers ${answer.status}`);
    const changed = (await answer.json()).sections;
    for (const section of sections()) {
      const news = changed[section.dataset.section];
      if (news === undefined) continue;
      exchange(section, news.html);
      section.dataset.digest = news.digest;
    }
    failures = 0;
    if (connection.textContent) connection.textContent = "";
  } catch (error) {
    failures += 1;
    const moment = new Date().toISOString().slice(11, 19);
    if (failures === 2) connection.textContent = `Not up to date since ${moment} UTC: ${error.message}. It is tried again.`;
  } finally {
    isPolling = false;
    plan();
  }
}

function plan() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(poll, Math.min(INTERVAL_MS * 2 ** failures, LONGEST_MS));
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : poll()));
// The first page may have come before its figures.
if (page.querySelector(".state.unknown")) timer = setTimeout(poll, 1_000);
else plan();

// The value of the mark below the pointer, at once: a browser alone shows it after a second.
const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
document.body.append(tip);

page.addEventListener("pointermove", (event) => {
  const mark = event.target.closest?.(".charts .mark");
  if (!mark) {
    tip.hidden = true;
    return;
  }
  const title = mark.querySelector("title");
  if (title) {
    mark.dataset.told = title.textContent;
    title.remove();
  }
  tip.textContent = mark.dataset.told;
  tip.hidden = false;
  tip.style.left = `${Math.max(0, Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${Math.max(0, event.clientY - tip.offsetHeight - 10)}px`;
});
page.addEventListener("pointerleave", () => (tip.hidden = true));
