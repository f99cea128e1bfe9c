// The source of a citation: the file's text, opened at the quote.

import { call } from "./service.js";

const dialog = document.getElementById("reader");
const text = document.getElementById("read");
const where = document.getElementById("where");

document.getElementById("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

export async function open(citation) {
  document.getElementById("reading").textContent = citation.file;
  where.textContent = "Loading…";
  text.textContent = "";
  dialog.showModal();
  try {
    show(await call(`/v1/sources/${citation.source}/text`), citation);
  } catch (error) {
    where.textContent = error.message;
  }
}

function show(whole, { start, end, page }) {
  // Offsets count code points; JavaScript's strings are of UTF-16.
  const letters = Array.from(whole);
  const quote = document.createElement("mark");
  quote.textContent = letters.slice(start, end).join("");
  quote.tabIndex = -1;
  text.replaceChildren(letters.slice(0, start).join(""), quote, letters.slice(end).join(""));
  const onPage = page === null ? "" : `page ${page}, `;
  where.textContent = `Quoted: ${onPage}characters ${start} to ${end} of ${letters.length}`;
  quote.scrollIntoView({ block: "center" });
  quote.focus({ preventScroll: true });
}
