// A question and its answer, streamed: searched for once, or taken apart by the agent.

import * as answer from "./answer.js";
import * as deciding from "./deciding.js";
import * as picture from "./picture.js";
import * as rating from "./rating.js";
import { Refused, stream } from "./service.js";
import * as talks from "./talks.js";

const form = document.getElementById("ask");
const question = document.getElementById("question");
const ways = document.getElementById("ways");
const options = document.getElementById("options");
const mayAsk = document.getElementById("may-ask");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const article = document.getElementById("answer");
const state = document.getElementById("state");
let asking = null;

question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});
stop.addEventListener("click", () => asking?.abort());
ways.addEventListener("change", choose);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!asking && question.value.trim()) ask(question.value.trim());
});

// Shows what belongs to the chosen way of asking.
export async function choose() {
  const isAgent = way() === "agent";
  options.hidden = !isAgent;
  talks.show(isAgent);
  await Promise.all([picture.load(way()), isAgent ? talks.list() : null]);
}

const way = () => form.elements.way.value;

async function ask(asked) {
  asking = new AbortController();
  const isAgent = way() === "agent";
  const session = isAgent ? talks.chosen(asked) : null;
  begin(asked);
  let streamed = "";
  try {
    const body = { question: asked, steps: true };
    if (isAgent) body.may_ask = mayAsk.checked;
    if (session) body.session = session;
    const headers = { "Content-Type": "application/json" };
    const told = { method: "POST", body: JSON.stringify(body), headers, signal: asking.signal };
    if (session) await talks.look(session);
    for await (const [name, event] of stream(isAgent ? "/v1/agent" : "/v1/ask", told)) {
      if (name === "token") {
        streamed += event.text;
        answer.write(streamed, []);
      } else if (name === "step") picture.note(event);
      else if (name === "answer") {
        answer.show(event);
        rating.show(event.id);
      } else if (name === "problem") throw new Refused(event.detail);
      else deciding.note(name, event);
    }
    if (session) await talks.list(session);
    state.textContent = "Answered.";
  } catch (error) {
    const stopped = error.name === "AbortError";
    answer.note(stopped ? "Stopped. The answer is not whole." : error.message, "problem");
    state.textContent = stopped ? "Stopped." : "Not answered.";
  }
  end();
}

function begin(asked) {
  document.getElementById("answered").textContent = asked;
  answer.clear();
  deciding.begin();
  rating.begin();
  article.hidden = false;
  article.setAttribute("aria-busy", "true");
  send.disabled = ways.disabled = options.disabled = true;
  stop.hidden = false;
  state.textContent = "Answering…";
  picture.begin();
}

function end() {
  picture.end();
  deciding.end();
  article.removeAttribute("aria-busy");
  asking = null;
  send.disabled = ways.disabled = options.disabled = false;
  stop.hidden = true;
}
