// In: counts and revisions, asked for once a second; rows as HTML that the server has escaped.
// Out: a board that fills itself as one scrolls and stays up to date.
// Never: text put into the page as HTML by this script, and no request to another host.

const REFRESH_MS = 1000;
const page = document.body.dataset.page;
const boardId = document.body.dataset.board;
const groups = document.getElementById("groups");
const results = document.getElementById("results");
const search = document.getElementById("search");
const openItems = new Set();
const revisions = new Map();

const thousands = (number) => number.toLocaleString("en-US");

export async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

// The server escaped every name and value: parse it as a table's content.
export function rowsFrom(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  paint(holder.content);
  return holder.content;
}

// Colours and heights come as data: the page's policy allows no style in HTML.
function paint(root) {
  for (const place of root.querySelectorAll("[data-paint]")) place.style.setProperty("--paint", place.dataset.paint);
  for (const place of root.querySelectorAll("[data-rows]")) place.style.setProperty("--rows", place.dataset.rows);
}

// The word beside a number follows it: 1 item, 2 items.
function setCount(place, number) {
  const word = place.nextElementSibling;
  place.textContent = thousands(number);
  word.textContent = number === 1 ? word.dataset.noun : `${word.dataset.noun}s`;
}

function setCounts(root, counts) {
  for (const place of root.querySelectorAll("[data-count]")) {
    setCount(place, counts[place.dataset.count]);
  }
}

const rowsPath = (section, offset, count) =>
  `/boards/${boardId}/groups/${encodeURIComponent(section.dataset.group)}/rows?offset=${offset}&count=${count}`;

async function loadMore(section, marker, count = 0) {
  if (marker.dataset.loading) return;
  marker.dataset.loading = "1";
  try {
    const html = await (await get(rowsPath(section, marker.dataset.offset, count))).text();
    section.dataset.loaded = "1";
    marker.replaceWith(rowsFrom(html));
    watch(section);
  } catch (error) {
    delete marker.dataset.loading;
    throw error;
  }
}

async function reload(section) {
  // What a person is just typing stays; the next look loads the rest.
  if (section.dataset.loading || section.querySelector(".editing")) return;
  section.dataset.loading = "1";
  try {
    const shown = section.querySelectorAll("tr.item").length;
    const html = await (await get(rowsPath(section, 0, shown))).text();
    const body = section.querySelector("tbody");
    const fresh = rowsFrom(html);
    const folds = [...fresh.querySelectorAll("tr.item")].filter((row) => openItems.has(row.dataset.item));
    await Promise.all(folds.map(unfold));
    if (section.querySelector(".editing")) return;
    body.replaceChildren(fresh);
    delete section.dataset.stale;
    watch(section);
  } finally {
    delete section.dataset.loading;
  }
}

async function unfold(row) {
  const html = await (await get(`/boards/${boardId}/items/${row.dataset.item}/subitems`)).text();
  const nest = document.createElement("tr");
  nest.className = "nest";
  const cell = nest.insertCell();
  cell.colSpan = 99;
  cell.append(rowsFrom(html));
  row.after(nest);
  openItems.add(row.dataset.item);
  row.querySelector("button.unfold")?.setAttribute("aria-expanded", "true");
}

function fold(row) {
  if (row.nextElementSibling?.classList.contains("nest")) row.nextElementSibling.remove();
  openItems.delete(row.dataset.item);
  row.querySelector("button.unfold")?.setAttribute("aria-expanded", "false");
}

// A marker in sight asks for the next rows; a group in sight that has changed reloads all it shows.
const sight = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const section = entry.target.closest("section");
      section.toggleAttribute("data-insight", entry.isIntersecting);
      if (entry.isIntersecting) look(section);
    }
  },
  { root: document.querySelector("main"), rootMargin: "600px" },
);
const markers = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) loadMore(entry.target.closest("section"), entry.target).catch(lost);
    }
  },
  { root: document.querySelector("main"), rootMargin: "600px" },
);

function look(section) {
  if (section.dataset.stale && section.dataset.loaded) reload(section).catch(lost);
}

function watch(section) {
  sight.observe(section);
  for (const marker of section.querySelectorAll("tr.more")) markers.observe(marker);
}

function newSection(group) {
  const shell = document.getElementById("group-shell").content.cloneNode(true).querySelector("section");
  shell.dataset.group = group.id;
  shell.id = group.id;
  paint(shell);
  return shell;
}

function update(live) {
  setCounts(document, live);
  const known = new Map([...groups.children].map((section) => [section.dataset.group, section]));
  let before = null;
  for (const group of live.groups) {
    let section = known.get(group.id);
    known.delete(group.id);
    if (!section) {
      section = newSection(group);
      if (before) before.after(section);
      else groups.prepend(section);
      watch(section);
    }
    before = section;
    section.style.setProperty("--paint", group.color);
    section.querySelector(".title").textContent = group.title;
    setCount(section.querySelector("[data-items]"), group.items);
    setCount(section.querySelector("[data-subitems]"), group.subitems);
    if (revisions.has(group.id) && revisions.get(group.id) !== group.revision) section.dataset.stale = "1";
    revisions.set(group.id, group.revision);
    if (section.hasAttribute("data-insight")) look(section);
  }
  for (const [id, section] of known) {
    section.remove();
    revisions.delete(id);
  }
}

function lost() {
  const sign = document.getElementById("live");
  sign.classList.add("lost");
  sign.lastElementChild.textContent = "no answer";
}

async function refresh() {
  try {
    if (!document.hidden) {
      if (page === "board") {
        update(await (await get(`/boards/${boardId}/live`)).json());
      } else {
        const { boards } = await (await get("/live")).json();
        const cards = new Map([...document.querySelectorAll(".card")].map((card) => [card.dataset.board, card]));
        if (Object.keys(boards).some((id) => !cards.has(id)) || cards.size > Object.keys(boards).length) {
          location.reload();
        }
        for (const [id, card] of cards) if (boards[id]) setCounts(card, boards[id]);
      }
      const sign = document.getElementById("live");
      sign.classList.remove("lost");
      sign.lastElementChild.textContent = "live";
    }
  } catch {
    lost();
  }
  setTimeout(refresh, REFRESH_MS);
}

// The board and the list beside it, after something was done on it.
export async function refreshNow() {
  if (page !== "board") return;
  update(await (await get(`/boards/${boardId}/live`)).json());
  await find();
}

const removedShown = () => document.getElementById("removed").getAttribute("aria-pressed") === "true";

function showRemoved(shown) {
  document.getElementById("removed").setAttribute("aria-pressed", String(shown));
  document.getElementById("main-table").setAttribute("aria-pressed", String(!shown));
  find().catch(lost);
}

async function find() {
  const needle = search.value.trim();
  if (removedShown()) {
    results.replaceChildren(rowsFrom(await (await get(`/boards/${boardId}/removed`)).text()));
    results.hidden = false;
    groups.hidden = true;
    return;
  }
  if (needle) {
    const html = await (await get(`/boards/${boardId}/search?q=${encodeURIComponent(needle)}`)).text();
    if (needle !== search.value.trim()) return; // An older answer came late.
    results.replaceChildren(rowsFrom(html));
  }
  results.hidden = !needle;
  groups.hidden = Boolean(needle);
}

async function show(focus) {
  const section = [...groups.children].find((entry) => entry.dataset.group === focus.group);
  if (!section) return;
  const marker = section.querySelector("tr.more");
  if (marker) await loadMore(section, marker, focus.position + 50);
  const parent = section.querySelector(`tr.item[data-item="${focus.parent ?? focus.item}"]`);
  if (!parent) return;
  if (focus.parent) await unfold(parent);
  const row = section.querySelector(`tr[data-item="${focus.item}"]`);
  row?.classList.add("focus");
  row?.scrollIntoView({ block: "center" });
}

function onClick(event) {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.classList.contains("fold")) {
    const folded = button.closest("section").classList.toggle("folded");
    button.setAttribute("aria-expanded", String(!folded));
  } else if (button.classList.contains("unfold")) {
    const row = button.closest("tr");
    if (openItems.has(row.dataset.item) && row.nextElementSibling?.classList.contains("nest")) fold(row);
    else unfold(row).catch(lost);
  }
}

async function start() {
  paint(document);
  if (page === "board") {
    document.addEventListener("click", onClick);
    let waiting = 0;
    document.getElementById("removed").addEventListener("click", () => showRemoved(true));
    document.getElementById("main-table").addEventListener("click", () => showRemoved(false));
    search.addEventListener("input", () => {
      if (removedShown()) showRemoved(false);
      clearTimeout(waiting);
      waiting = setTimeout(() => find().catch(lost), 200);
    });
    const focus = JSON.parse(document.body.dataset.focus);
    if (focus.item) await show(focus).catch(lost);
    for (const section of groups.children) watch(section);
  }
  refresh();
}

start();
