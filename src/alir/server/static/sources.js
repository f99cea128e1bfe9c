// The files of the index: dropped, watched while they are taken in, tried again, deleted.

import { call, stream } from "./service.js";

const drop = document.getElementById("drop");
const input = document.getElementById("files");
const held = document.getElementById("held");
const ingestions = document.getElementById("ingestions");
const more = document.getElementById("more");
const state = document.getElementById("state");
const PAGE = 100;
let next = null;

input.addEventListener("change", async () => {
  await upload(input.files);
  input.value = "";
});
for (const [name, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", over);
  });
}
drop.addEventListener("drop", (event) => upload(event.dataTransfer.files));
// A file that misses its place would replace the page.
for (const name of ["dragover", "drop"]) {
  window.addEventListener(name, (event) => event.preventDefault());
}

more.addEventListener("click", () => list(next));

// Shows the first files, or those after one more page.
export async function list(after = null) {
  try {
    const page = after === null ? "" : `&after=${encodeURIComponent(after)}`;
    const { files, failed, next: following } = await call(`/v1/sources?limit=${PAGE}${page}`);
    const failures = new Map(failed.map((one) => [one.id, one]));
    const rows = files.map((file) => row(file, failures.get(file.id)));
    for (const file of files) failures.delete(file.id);
    rows.push(...[...failures.values()].map((one) => row({ ...one, chunks: 0 }, one)));
    if (after === null) held.replaceChildren();
    held.append(...rows);
    next = following;
    more.hidden = next === null;
    document.getElementById("none").hidden = held.children.length > 0;
  } catch (error) {
    state.textContent = error.message;
  }
}

async function upload(files) {
  if (!files.length) return;
  const form = new FormData();
  for (const file of files) form.append("file", file);
  const names = Array.from(files, (file) => file.name).join(", ");
  await follow(names, () =>
    call("/v1/files", { method: "POST", body: form }).then((told) => told.ingestion),
  );
}

async function follow(title, start) {
  const [item, name, what] = [make("li", "row"), make("span", "name", title), make("span", "what")];
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", `Progress of ${title}`);
  item.append(name, bar, what);
  ingestions.prepend(item);
  try {
    what.textContent = "sending";
    const { id } = await start();
    const cancel = button("Cancel", () => call(`/v1/ingestions/${id}`, { method: "DELETE" }), title);
    item.append(cancel);
    let last = null;
    for await (const [, told] of stream(`/v1/ingestions/${id}`)) {
      last = told;
      tell(told, bar, what);
    }
    // One that ended before it was looked at is told at once, and not as a stream.
    last ??= await call(`/v1/ingestions/${id}`);
    tell(last, bar, what);
    cancel.remove();
    item.append(button("Dismiss", () => item.remove(), title));
  } catch (error) {
    what.textContent = error.message;
    what.classList.add("failed");
  }
  bar.remove();
  await list();
}

function tell(told, bar, what) {
  if (told.files) [bar.max, bar.value] = [told.files, told.files_done];
  const failed = told.report?.failed ?? [];
  const problem = told.problem?.detail ?? failed.map((one) => one.reason).join(" ");
  what.classList.toggle("failed", Boolean(problem));
  what.textContent = problem || told.waiting || told.state;
}

function row(file, failure) {
  const item = make("li", "row");
  const chunks = file.chunks === 1 ? "1 chunk" : `${file.chunks} chunks`;
  const name = make("span", "name", file.file.split("/").at(-1));
  name.title = file.file;
  item.append(name, make("span", "what", file.chunks ? chunks : "not taken in"));
  const path = `/v1/sources/${file.id}`;
  if (failure) {
    const again = () => follow(file.file, () => call(`${path}/retry`, { method: "POST" }));
    item.append(button("Retry", again, file.file));
  }
  item.append(
    button(
      "Delete",
      () => {
        if (confirm(`Delete ${file.file} from the disk and the index?`)) {
          return follow(`Deleting ${file.file}`, () => call(path, { method: "DELETE" }));
        }
      },
      file.file,
    ),
  );
  if (failure) item.append(make("span", "what failed", failure.reason));
  return item;
}

function make(tag, look, words = "") {
  const made = document.createElement(tag);
  made.className = look;
  made.textContent = words;
  return made;
}

function button(words, act, about) {
  const made = make("button", "", words);
  made.type = "button";
  made.setAttribute("aria-label", `${words} ${about}`);
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await act();
    } catch (error) {
      state.textContent = error.message;
    }
    made.disabled = false;
  });
  return made;
}
