// In: clicks and keys of a person on a board; editors and menus as HTML that the server has escaped.
// Out: what the person did, sent to the emulator, and the board as it is then.
// Never: text put into the page as HTML by this script, and no change that nobody asked for.

import { get, refreshNow, rowsFrom } from "./board.js";

const refusal = document.getElementById("refusal");
let menu = null;

function refuse(error) {
  refusal.textContent = error.message;
  refusal.hidden = false;
}

async function act(sent) {
  refusal.hidden = true;
  const response = await fetch("/_emulator/person", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(sent),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  await refreshNow();
}

const chosen = (select) => [...select.selectedOptions].map((option) => option.value);

function written(editor) {
  return editor.multiple ? chosen(editor) : editor.value;
}

function doneBy(editor, itemId) {
  if (editor.dataset.column === "name") return { do: "rename", item_id: itemId, name: editor.value };
  return { do: "edit", item_id: itemId, column_id: editor.dataset.column, text: written(editor) };
}

async function editorOf(itemId, columnId) {
  const html = await (await get(`/items/${itemId}/cells/${encodeURIComponent(columnId)}`)).text();
  return rowsFrom(html).querySelector(".editor");
}

// The cell holds the editor until it is left; what it held before comes back, and the board is reloaded. Its row
// is not loaded meanwhile.
async function edit(cell, columnId) {
  if (cell.classList.contains("editing")) return;
  cell.classList.add("editing");
  const itemId = cell.closest("tr").dataset.item;
  const editor = await editorOf(itemId, columnId).catch((error) => {
    cell.classList.remove("editing");
    throw error;
  });
  const before = [...cell.childNodes];
  cell.replaceChildren(editor);
  const first = JSON.stringify(written(editor));
  let open = true;
  const close = (save) => {
    if (!open) return;
    open = false;
    const changed = JSON.stringify(written(editor)) !== first;
    cell.replaceChildren(...before);
    cell.classList.remove("editing");
    if (save && changed) act(doneBy(editor, itemId)).catch(refuse);
  };
  editor.addEventListener("blur", () => close(true));
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close(false);
    if (event.key === "Enter" && !(editor.tagName === "TEXTAREA" && event.shiftKey)) {
      event.preventDefault();
      close(true);
    }
  });
  if (editor.tagName === "SELECT" && !editor.multiple) editor.addEventListener("change", () => close(true));
  editor.focus();
  editor.select?.();
}

function closeMenu() {
  menu?.remove();
  menu = null;
}

async function openMenu(button) {
  closeMenu();
  const row = button.closest("tr");
  const html = await (await get(`/items/${row.dataset.item}/menu`)).text();
  closeMenu();
  menu = rowsFrom(html).querySelector(".menu");
  const { left, bottom } = button.getBoundingClientRect();
  document.body.append(menu);
  menu.style.setProperty("left", `${Math.min(left, innerWidth - menu.offsetWidth - 8)}px`);
  menu.style.setProperty("top", `${Math.min(bottom, innerHeight - menu.offsetHeight - 8)}px`);
  menu.querySelector("button").focus();
  menu.addEventListener("click", (event) => {
    const choice = event.target.closest("button");
    if (choice) choose(choice, row);
  });
  menu.querySelector("select")?.addEventListener("change", (event) => {
    const sent = { do: "move", item_id: row.dataset.item, group_id: event.target.value };
    closeMenu();
    if (sent.group_id) act(sent).catch(refuse);
  });
}

function choose(choice, row) {
  const verb = choice.dataset.do;
  closeMenu();
  if (verb === "rename") {
    edit(row.querySelector("td[data-name]"), "name").catch(refuse);
    return;
  }
  const sent = { do: verb, item_id: row.dataset.item };
  if (choice.dataset.bare) sent.with_subitems = false;
  act(sent).catch(refuse);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.actions");
  if (menu && !event.target.closest(".menu")) closeMenu();
  if (button) {
    openMenu(button).catch(refuse);
  } else if (event.target.closest("button.restore")) {
    act({ do: "restore", item_id: event.target.closest("tr").dataset.item }).catch(refuse);
  } else if (!event.target.closest("a, .editor")) {
    const cell = event.target.closest("td[data-column]");
    if (cell) edit(cell, cell.dataset.column).catch(refuse);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenu();
});
