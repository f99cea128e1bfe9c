// The workflow's picture: what runs now, how often each step ran and how long.

const graph = document.getElementById("graph");
const told = document.getElementById("told");
const pictures = new Map();
let runs = new Map();

// Shows the picture of a workflow, `ask` or `agent`.
export async function load(workflow) {
  if (!pictures.has(workflow)) {
    const answer = await fetch(`/page/${workflow}.svg`);
    if (!answer.ok) return;
    const drawn = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
    pictures.set(workflow, document.importNode(drawn.documentElement, true));
  }
  graph.replaceChildren(pictures.get(workflow));
}

export function begin() {
  runs = new Map();
  told.textContent = "";
  for (const node of graph.querySelectorAll("g[data-name]")) {
    node.classList.add("unseen");
    node.classList.remove("busy", "raised");
    say(node, "did not run");
  }
}

export function note({ step, state, event }) {
  const node = find(step);
  find(event)?.classList.remove("unseen");
  if (!node) return;
  const run = runs.get(step) ?? { times: 0, busy: 0, seconds: 0, since: 0 };
  runs.set(step, run);
  node.classList.remove("unseen");
  if (state === "running") {
    if (run.busy === 0) run.since = performance.now();
    run.times += 1;
    run.busy += 1;
  } else {
    run.busy = Math.max(run.busy - 1, 0);
    if (run.busy === 0) run.seconds += (performance.now() - run.since) / 1000;
  }
  if (state === "raised") node.classList.add("raised");
  node.classList.toggle("busy", run.busy > 0);
  say(node, run.busy > 0 ? "running" : `${run.times}× · ${span(run.seconds)}`);
}

export function end() {
  for (const node of graph.querySelectorAll("g.busy")) {
    node.classList.remove("busy");
    say(node, "stopped");
  }
  const ran = [...runs].map(([step, run]) => `${step} ${run.times === 1 ? "once" : `${run.times} times`}`);
  told.textContent = ran.length ? `The run is over: ${ran.join(", ")}.` : "";
}

function find(name) {
  return name ? graph.querySelector(`g[data-name="${CSS.escape(name)}"]`) : null;
}

function say(node, line) {
  const second = node.querySelector(".line1");
  if (second) second.textContent = line;
}

function span(seconds) {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}
