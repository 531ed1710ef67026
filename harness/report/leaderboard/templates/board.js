
"use strict";
// A link is `#route?sort=key&dir=desc&q=words&hide=published,tasks`. The server wrote all rows; here they are shown,
// hidden and put in order, and never made.
const pages = [...document.querySelectorAll("main > .page")];
const lost = document.getElementById("lost");
const first = pages.find((page) => page !== lost);
// Browsers and mail programs escape links in their own ways: what is compared is what they mean.
const byRoute = new Map(pages.filter((page) => page !== lost).map((page) => [decodeURIComponent(page.id), page]));
const root = document.documentElement;
let shown = null;
// One page is shown at a time, below the header: a browser that scrolls to the page of a link keeps the header in view.
for (const page of pages) page.style.scrollMarginTop = "100vh";

function state() {
  const [route, query = ""] = location.hash.slice(1).split("?");
  return { route: route || first.id, query: new URLSearchParams(query) };
}

function link(route, query) {
  const words = query.toString();
  return "#" + route + (words ? "?" + words : "");
}

function change(name, value) {
  const { route, query } = state();
  if (value) query.set(name, value);
  else query.delete(name);
  history.replaceState(null, "", link(route, query));
  apply();
}

function find(route) {
  try {
    return byRoute.get(decodeURIComponent(route)) || lost;
  } catch (problem) {
    return lost;
  }
}

function apply() {
  const { route, query } = state();
  if (route === "main") return;
  const page = find(route);
  for (const one of pages) one.hidden = one !== page;
  for (const one of document.querySelectorAll(".top nav a")) {
    if (one.dataset.suite === page.dataset.suite) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
  }
  document.title = page.querySelector("h1").textContent + " · dnabench leaderboard";
  const main = page.querySelector("[data-main]");
  if (main) arrange(main, query);
  if (shown && shown !== page) {
    window.scrollTo(0, 0);
    page.querySelector("h1").focus({ preventScroll: true });
  }
  shown = page;
}

function arrange(grid, query) {
  const hidden = new Set((query.get("hide") || "").split(","));
  const words = (query.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
  const field = grid.querySelector(".words");
  if (field !== document.activeElement) field.value = query.get("q") || "";
  for (const box of grid.querySelectorAll("[type=checkbox]")) box.checked = !hidden.has(box.value);
  const table = grid.querySelector("table");
  showColumns(table, hidden);
  let count = 0;
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const text = row.cells[0].textContent.toLowerCase() + " " + row.cells[1].textContent.toLowerCase();
    row.hidden = hidden.has(row.className) || !words.every((word) => text.includes(word));
    count += !row.hidden;
  }
  sort(table, query.get("sort"), query.get("dir") === "asc" ? 1 : -1);
  document.getElementById("said").textContent = count + " of " + rows.length + " rows shown";
}

function showColumns(table, hidden) {
  const heads = table.tHead.rows[0].cells;
  for (let i = 0; i < heads.length; i++) {
    const group = heads[i].dataset.group;
    if (!group) continue;
    for (const row of table.rows) row.cells[i].hidden = hidden.has(group);
  }
}

// Missing cells stand last in both directions; equal ones keep the order of the server.
function sort(table, key, direction) {
  const heads = [...table.tHead.rows[0].cells];
  const column = heads.findIndex((head) => head.dataset.key === key);
  for (const head of heads) head.removeAttribute("aria-sort");
  if (column >= 0) heads[column].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  rows.forEach((row, i) => { if (row.order === undefined) row.order = i; });
  const known = column < 0 ? [] : rows.map((row) => row.cells[column].dataset.sort).filter((x) => x !== undefined);
  // A column is of numbers or of words: names of which some are numbers have one order all the same.
  const numeric = known.every((x) => x !== "" && !Number.isNaN(Number(x)));
  const order = numeric ? (x, y) => x - y : (x, y) => x.localeCompare(y, "en", { numeric: true });
  const compared = (a, b) => (column < 0 ? 0 : compare(a.cells[column], b.cells[column], order, direction));
  rows.sort((a, b) => compared(a, b) || a.order - b.order);
  body.append(...rows);
}

function compare(a, b, order, direction) {
  const [x, y] = [a.dataset.sort, b.dataset.sort];
  if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
  return direction * order(x, y);
}

function pressed(button) {
  const head = button.closest("th");
  const grid = head.closest(".grid");
  const up = head.classList.contains("number") && !head.dataset.key.startsWith("rank") ? "descending" : "ascending";
  const now = head.getAttribute("aria-sort");
  const next = now === null ? up : now === up ? (up === "ascending" ? "descending" : "ascending") : null;
  if (!("main" in grid.dataset)) {
    sort(head.closest("table"), next && head.dataset.key, next === "ascending" ? 1 : -1);
    return;
  }
  const { route, query } = state();
  for (const name of ["sort", "dir"]) query.delete(name);
  if (next) query.set("sort", head.dataset.key);
  if (next) query.set("dir", next === "ascending" ? "asc" : "desc");
  history.replaceState(null, "", link(route, query));
  apply();
}

function dark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function theme(wanted) {
  if (wanted) root.dataset.theme = wanted;
  const button = document.getElementById("theme");
  button.setAttribute("aria-pressed", String(dark()));
  button.textContent = dark() ? "Light" : "Dark";
}

function remembered(value) {
  // Some browsers keep nothing for pages from the disk.
  try {
    if (value) localStorage.setItem("dnabench-theme", value);
    return localStorage.getItem("dnabench-theme");
  } catch (problem) {
    return null;
  }
}

function download() {
  const blob = new Blob([document.getElementById("data").textContent], { type: "application/json" });
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(blob);
  anchor.download = "leaderboard.json";
  anchor.click();
  URL.revokeObjectURL(anchor.href);
}

for (const form of document.querySelectorAll(".filter")) {
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelector(".words").addEventListener("input", (event) => change("q", event.target.value.trim()));
  form.addEventListener("change", (event) => {
    if (event.target.type !== "checkbox") return;
    const off = [...form.querySelectorAll("[type=checkbox]:not(:checked)")].map((box) => box.value);
    change("hide", off.join(","));
  });
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("thead button");
  if (button) pressed(button);
});
document.getElementById("theme").hidden = false;
document.getElementById("theme").addEventListener("click", () => theme(remembered(dark() ? "light" : "dark") || (dark() ? "light" : "dark")));
document.getElementById("download").hidden = false;
document.getElementById("download").addEventListener("click", download);
addEventListener("hashchange", apply);
const kept = remembered();
theme(["light", "dark"].includes(kept) ? kept : null);
apply();
