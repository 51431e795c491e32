"use strict";
// Whatever the journal holds reaches the page as text (`textContent`) or as a clip's link; nothing of it is parsed as HTML.
// The feed is cut into chunks of cards of one height. A chunk holds cards only while it is near the window, and a card
// loads its clip only while it is nearer still, so 10,000 rows cost what a few screens cost.

const STATES = ["done", "failed", "unknown", "running", "sending", "queued"];
const CARD_WIDTH = 270, WORDS_HEIGHT = 132, GAP = 18, CHUNK_ROWS = 6, CHUNK_CARDS = 24;
const NEAR_CHUNK = "700px 0px", NEAR_CLIP = "250px 0px";
const $ = (id) => document.getElementById(id);

let gallery = JSON.parse($("data").textContent);
let shown = [];            // the rows that match, in order
let columns = 1, size = 1; // cards in a row, cards in a chunk
let current = 0;           // the card that Tab leads to
let opened = null;         // the row's id in the larger view
let state = "", playing = null;
const haystacks = new WeakMap();

// Elements.

function make(tag, words, attributes = {}) {
  const element = document.createElement(tag);
  if (words !== undefined) element.textContent = words;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function drawn(tag, attributes, words) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (words !== undefined) element.append(drawn("title", {}));
  if (words !== undefined) element.firstChild.textContent = words;
  return element;
}

const pairs = (list) => list.flatMap(([term, value]) => [make("dt", term), make("dd", value)]);

// Numbers as text.

const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });
const credits = (value) => `${number(value, 2)} credits`;
const clock = (at) => new Date(at * 1000).toLocaleString();
const moment = (at) => new Date(at * 1000).toLocaleString([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

function span(seconds) {
  if (seconds < 120) return `${number(seconds, seconds < 10 ? 1 : 0)} s`;
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, length]) => seconds >= length);
  const [big, small] = [units[first], units[first + 1]];
  const rest = Math.floor((seconds % big[1]) / small[1]);
  return `${Math.floor(seconds / big[1])} ${big[0]}` + (rest ? ` ${rest} ${small[0]}` : "");
}

// The summary.

function drawSummary() {
  const { counts, per_hour, durations, usage } = gallery.summary;
  const numbers = [
    ["done", number(counts.done)], ["failed", number(counts.failed), counts.failed && "bad"],
    ["unknown", number(counts.unknown), counts.unknown && "odd"],
    ["running", number(counts.running + counts.sending)], ["credits", number(counts.credits, 1)],
    ["clips per hour", per_hour == null ? "–" : number(per_hour, per_hour < 10 ? 1 : 0)],
  ];
  $("counts").replaceChildren(...numbers.map(([term, value, kind]) => {
    const pair = make("div");
    pair.append(make("dt", term), make("dd", value, kind ? { class: kind } : {}));
    return pair;
  }));
  const charts = [durations && drawDurations(durations), usage && drawUsage(usage)];
  $("charts").replaceChildren(...charts.filter(Boolean));
  drawWhen();
}

function drawWhen(gone) {
  const part = gallery.rows.length < gallery.total ? `the last ${number(gallery.rows.length)} of ` : "";
  const items = `${part}${number(gallery.total)} ${gallery.total === 1 ? "item" : "items"}`;
  $("when").className = gallery.live == null ? "" : gone ? "live gone" : "live";
  const as = gallery.live == null ? "as of" : gone ? "the server is gone; as of" : "live,";
  $("when").textContent = `${items} · ${as} ${clock(gallery.read_at)}`;
}

function chart(id, title, note, label, bars, axis) {
  const figure = make("figure", undefined, { id });
  const caption = make("figcaption", title);
  caption.append(make("span", note));
  const svg = drawn("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": label });
  svg.append(...bars);
  const ends = make("div", undefined, { class: "axis", "aria-hidden": "true" });
  ends.append(...axis.map((words) => make("span", words)));
  figure.append(caption, svg, ends);
  return figure;
}

function bar(index, count, height, words, kind = "") {
  const width = 100 / count, drawnHeight = height > 0 ? Math.max(height * 100, 1) : 0;
  const inset = count > 60 ? 0.05 : 0.1;
  return drawn("rect", {
    x: (index + inset / 2) * width, width: width * (1 - inset), y: 100 - drawnHeight, height: drawnHeight, class: kind,
  }, words);
}

function drawDurations({ start, step, counts, beyond }) {
  const all = beyond ? [...counts, beyond] : counts, most = Math.max(...all), end = start + step * counts.length;
  const bars = all.map((count, index) => {
    const from = span(start + index * step), last = beyond && index === counts.length;
    const words = last ? `${number(count)} took ${from} or longer` : `${number(count)} took ${from} to ${span(start + (index + 1) * step)}`;
    return bar(index, all.length, count / most, words, last ? "beyond" : "");
  });
  const total = all.reduce((sum, count) => sum + count, 0);
  const label = `How long ${number(total)} clips took: ${span(start)} to ${span(end)}` + (beyond ? `, ${number(beyond)} longer` : "");
  return chart("durations", "How long clips took", `at most ${number(most)} in ${span(step)}`, label, bars, [span(start), beyond ? `${span(end)} and longer` : span(end)]);
}

function drawUsage({ start, step, calls, limit, per }) {
  const top = Math.max(limit, ...calls), mean = calls.reduce((sum, n) => sum + n, 0) / calls.length;
  const bars = calls.map((n, index) => bar(index, calls.length, n / top, `${number(n, 1)} of ${limit} per ${span(per)}, ${clock(start + index * step)}`));
  const line = drawn("line", { x1: 0, x2: 100, y1: 100 - (limit / top) * 100, y2: 100 - (limit / top) * 100 });
  const used = `${number((mean / limit) * 100)} % used`;
  const label = `Submissions over time, of ${limit} per ${span(per)}: ${used} over ${span(step * calls.length)}`;
  return chart("usage", "Used limit", `${used} of ${limit} per ${span(per)}`, label, [...bars, line], [moment(start), moment(start + step * calls.length)]);
}

// What is asked for.

function haystack(row) {
  if (!haystacks.has(row)) {
    const parts = [row.key, row.title, row.model, row.state, row.task, row.reason, ...Object.values(row.fields || {}).map(valueText)];
    haystacks.set(row, parts.filter(Boolean).join("\n").toLowerCase());
  }
  return haystacks.get(row);
}

const isText = (value) => typeof value === "string";
const valueText = (value) => isText(value) ? value : Array.isArray(value) && value.every(isText) ? value.join(", ") : JSON.stringify(value);
const falling = (name) => (a, b) => (b[name] ?? -1) - (a[name] ?? -1) || b.id - a.id;
const collator = new Intl.Collator("en", { numeric: true });
const ORDERS = {
  newest: (a, b) => (b.at || 0) - (a.at || 0) || b.id - a.id,
  duration: falling("seconds"),
  credits: falling("credits"),
  key: (a, b) => collator.compare(a.key, b.key) || a.id - b.id,
};

function choose() {
  const terms = $("search").value.toLowerCase().split(/\s+/).filter(Boolean), model = $("model").value;
  shown = gallery.rows
    .filter((row) => (!state || row.state === state) && (!model || row.model === model))
    .filter((row) => !terms.length || terms.every((term) => haystack(row).includes(term)))
    .sort(ORDERS[$("sort").value]);
  const all = gallery.rows.length;
  $("found").textContent = shown.length === all ? `${number(all)} shown` : `${number(shown.length)} of ${number(all)} shown`;
  $("none").hidden = shown.length > 0;
  current = Math.min(current, Math.max(0, shown.length - 1));
  layOut();
}

function chooseAnew() {
  current = 0;
  choose();
  const top = $("tools").offsetTop;
  if (window.scrollY > top) window.scrollTo(0, top);
}

function offerStates() {
  const counts = new Map(STATES.map((name) => [name, 0]));
  for (const row of gallery.rows) counts.set(row.state, counts.get(row.state) + 1);
  const there = STATES.filter((name) => counts.get(name) || name === state);
  const offers = [["", "all", gallery.rows.length], ...there.map((name) => [name, name, counts.get(name)])];
  const focused = document.activeElement?.dataset.state;
  $("states").replaceChildren(...offers.map(([value, words, count]) => {
    const button = make("button", words, { type: "button", "aria-pressed": String(value === state), "data-state": value });
    button.append(make("span", number(count)));
    return button;
  }));
  if (focused !== undefined) $("states").querySelector(`[data-state="${focused}"]`)?.focus();
}

function offerModels() {
  const chosen = $("model").value, names = [...new Set(gallery.rows.map((row) => row.model))].sort();
  if ($("model").options.length === names.length + 1 && names.every((name, at) => $("model").options[at + 1].value === name)) return;
  const options = [make("option", "all models", { value: "" }), ...names.map((name) => make("option", name, { value: name }))];
  $("model").replaceChildren(...options);
  $("model").value = names.includes(chosen) ? chosen : "";
}

// The feed.

const nearChunks = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.near = isIntersecting;
    fill(target);
  }
}, { rootMargin: NEAR_CHUNK });

const nearClips = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) isIntersecting ? load(target) : unload(target);
}, { rootMargin: NEAR_CLIP });

function load(video) {
  if (!video.src) video.src = video.dataset.clip;
}

function unload(video) {
  if (!video.src) return;
  video.removeAttribute("src");
  video.load();
}

function layOut() {
  const feed = $("feed"), style = getComputedStyle(feed);
  const width = feed.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  columns = Math.max(1, Math.floor((width + GAP) / (CARD_WIDTH + GAP)));
  size = columns * Math.max(CHUNK_ROWS, Math.ceil(CHUNK_CARDS / columns));
  const media = Math.round(((width - GAP * (columns - 1)) / columns / 16) * 9), card = media + WORDS_HEIGHT;
  for (const [name, value] of [["--columns", columns], ["--media-height", `${media}px`], ["--card-height", `${card}px`]]) feed.style.setProperty(name, value);
  const count = Math.ceil(shown.length / size);
  while (feed.children.length > count) drop(feed.lastElementChild);
  while (feed.children.length < count) feed.append(newChunk(feed.children.length));
  for (const chunk of feed.children) {
    const rows = Math.ceil(Math.min(size, shown.length - chunk.index * size) / columns);
    chunk.style.height = `${rows * (card + GAP)}px`;
    fill(chunk);
  }
}

function newChunk(index) {
  const chunk = make("div", undefined, { class: "chunk", role: "presentation" });
  chunk.index = index;
  nearChunks.observe(chunk);
  return chunk;
}

function drop(chunk) {
  nearChunks.unobserve(chunk);
  chunk.near = false;
  chunk.replaceChildren();
  chunk.remove();
}

// Brings a chunk's cards up to date; what stays the same is not touched, so a clip that plays goes on.
function fill(chunk) {
  if (!chunk.near && !chunk.contains(document.activeElement)) return empty(chunk);
  const old = new Map([...chunk.children].map((card) => [card.row.id, card]));
  const from = chunk.index * size;
  shown.slice(from, from + size).forEach((row, offset) => {
    const kept = old.get(row.id), card = kept && same(kept.row, row) ? kept : newCard(row);
    card.row = row;
    place(card, from + offset);
    if (chunk.children[offset] !== card) chunk.insertBefore(card, chunk.children[offset] ?? null);
  });
  while (chunk.children.length > Math.min(size, shown.length - from)) discard(chunk.lastElementChild);
}

function empty(chunk) {
  while (chunk.lastElementChild) discard(chunk.lastElementChild);
}

function discard(card) {
  const video = card.querySelector("video");
  if (video) {
    nearClips.unobserve(video);
    unload(video);
  }
  if (playing === card) playing = null;
  card.remove();
}

const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

function place(card, index) {
  card.index = index;
  card.tabIndex = index === current ? 0 : -1;
  card.setAttribute("aria-posinset", index + 1);
  card.setAttribute("aria-setsize", shown.length);
}

// A card.

function newCard(row) {
  const card = make("article", undefined, { class: row.state, "data-key": row.key, "aria-label": `${row.state}: ${row.title || row.key}` });
  const words = make("div", undefined, { class: "words" });
  words.append(make("p", row.title || row.key, { class: "prompt" }), make("span", row.model, { class: "model" }), make("span", row.key, { class: "key", title: row.key }));
  words.append(make("p", facts(row).join(" · "), { class: "facts" }));
  const media = make("div", undefined, { class: "media" });
  media.append(...(!row.clip ? [inWords(row)] : row.picture ? [newPicture(row)] : [newVideo(row), make("span", undefined, { class: "play" })]));
  card.append(media, words);
  return card;
}

const newPicture = (row, link = row.clip) => make("img", undefined, { src: link, loading: "lazy", alt: row.title || row.key });

function newVideo(row) {
  const video = make("video", undefined, { "data-clip": `${row.clip}#t=0.5`, preload: "metadata", playsinline: "", loop: "", "aria-label": row.title || row.key });
  video.muted = true;
  nearClips.observe(video);
  return video;
}

function inWords(row) {
  const words = make("p"), inner = make("span", row.reason || "");
  inner.prepend(make("b", row.state === "done" ? "no clip here" : row.state));
  words.append(inner);
  return words;
}

function facts(row) {
  const fields = row.fields || {};
  return [
    row.seconds != null && span(row.seconds), row.credits != null && credits(row.credits),
    fields.seed != null && `seed ${valueText(fields.seed)}`, fields.resolution && valueText(fields.resolution),
    fields.duration && `${valueText(fields.duration)} s`, fields.aspect_ratio && fields.aspect_ratio !== "auto" && valueText(fields.aspect_ratio),
  ].filter(Boolean);
}

function play(card) {
  const video = card.querySelector("video");
  if (!video || playing === card) return;
  if (playing) stop(playing);
  playing = card;
  load(video);
  card.classList.add("playing");
  video.play().catch(() => stop(card));
}

function stop(card) {
  card.querySelector("video")?.pause();
  card.classList.remove("playing");
  if (playing === card) playing = null;
}

function focusAt(index) {
  if (!shown.length) return;
  const before = cardAt(current);
  current = Math.min(Math.max(index, 0), shown.length - 1);
  if (before) before.tabIndex = -1;
  const chunk = $("feed").children[Math.floor(current / size)];
  chunk.near = true;
  fill(chunk);
  const card = cardAt(current);
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

const cardAt = (index) => $("feed").children[Math.floor(index / size)]?.children[index % size];

// The larger view.

function open(row) {
  opened = row.id;
  const media = row.clip && row.picture ? newPicture(row) : row.clip
    ? make("video", undefined, { src: row.clip, controls: "", loop: "", playsinline: "", autoplay: "", "aria-label": row.title || row.key })
    : make("p", row.state);
  const more = row.picture ? row.more || [] : [];
  $("large-media").replaceChildren(media, ...more.map((link) => newPicture(row, link)));
  $("large-title").textContent = row.title || row.key;
  $("large-reason").textContent = row.reason || "";
  const fields = Object.entries(row.fields || {}).map(([name, value]) => [name, valueText(value)]);
  const list = [
    ["state", row.state], ["key", row.key], ["model", row.model], ...fields, ["task", row.task],
    ["took", row.seconds == null ? null : span(row.seconds)], ["cost", row.credits == null ? null : credits(row.credits)],
    ["when", row.at ? clock(row.at) : null], ["saved", row.saved], ["link", row.clip && !row.saved ? row.clip : null],
  ];
  $("large-facts").replaceChildren(...pairs(list.filter(([, value]) => value != null)));
  if (playing) stop(playing);
  if (!$("large").open) $("large").showModal();
}

function step(by) {
  const at = shown.findIndex((row) => row.id === opened), next = Math.min(Math.max(at + by, 0), shown.length - 1);
  if (next === at || !shown.length) return;
  current = next;
  open(shown[next]);
}

function closed() {
  $("large-media").replaceChildren();
  const at = shown.findIndex((row) => row.id === opened);
  opened = null;
  focusAt(at < 0 ? current : at);
}

// Hands.

const cardOf = (event) => (event.target instanceof Element ? event.target.closest("article") : null);
const MOVES = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -columns, ArrowDown: () => columns, Home: () => -Infinity, End: () => Infinity };

function onFeedKey(event) {
  const card = cardOf(event);
  if (!card || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key in MOVES) focusAt(card.index + MOVES[event.key]());
  else if (event.key === "Enter" || event.key === " ") open(card.row);
  else return;
  event.preventDefault();
}

function onLargeKey(event) {
  if (event.target instanceof HTMLVideoElement || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  step(event.key === "ArrowLeft" ? -1 : 1);
  event.preventDefault();
}

function onPageKey(event) {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key === "/" && !typing && !$("large").open && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    $("search").focus();
    $("search").select();
  }
}

function onSearchKey(event) {
  if (event.key === "Escape" && $("search").value) {
    $("search").value = "";
    chooseAnew();
  } else if (event.key === "Escape" || event.key === "Enter" || event.key === "ArrowDown") focusAt(0);
  else return;
  event.preventDefault();
}

function listen() {
  const feed = $("feed"), mouse = (event) => event.pointerType === "mouse" && cardOf(event);
  feed.addEventListener("pointerover", (event) => mouse(event) && play(cardOf(event)));
  feed.addEventListener("pointerout", (event) => {
    const card = mouse(event);
    if (card && !card.contains(event.relatedTarget)) stop(card);
  });
  feed.addEventListener("focusin", (event) => cardOf(event)?.matches(":focus-visible") && play(cardOf(event)));
  feed.addEventListener("focusout", (event) => cardOf(event) && stop(cardOf(event)));
  feed.addEventListener("click", (event) => cardOf(event) && open(cardOf(event).row));
  feed.addEventListener("keydown", onFeedKey);
  document.addEventListener("keydown", onPageKey);
  $("search").addEventListener("input", chooseAnew);
  $("search").addEventListener("keydown", onSearchKey);
  $("model").addEventListener("change", chooseAnew);
  $("sort").addEventListener("change", chooseAnew);
  $("tools").addEventListener("submit", (event) => event.preventDefault());
  $("states").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    state = button.dataset.state;
    offerStates();
    chooseAnew();
  });
  $("large").addEventListener("keydown", onLargeKey);
  $("large").addEventListener("close", closed);
  $("large").addEventListener("click", (event) => event.target === $("large") && $("large").close());
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("close").addEventListener("click", () => $("large").close());
  new ResizeObserver(() => requestAnimationFrame(layOut)).observe(feed.parentElement);
}

// Now and later.

function show() {
  drawSummary();
  offerStates();
  offerModels();
  choose();
}

async function follow(tag) {
  try {
    const answer = document.hidden ? null : await fetch("data.json", { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer?.ok) {
      gallery = await answer.json();
      tag = answer.headers.get("ETag");
      show();
    } else if (answer?.status === 304) drawWhen();
  } catch {
    drawWhen(true);
  }
  setTimeout(follow, gallery.live * 1000, tag);
}

listen();
show();
if (gallery.live != null) follow("");
document.documentElement.dataset.ready = "";
