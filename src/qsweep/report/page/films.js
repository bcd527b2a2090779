// Q-tables: a slider over checkpoints, and the value of whatever cell is pointed at.
"use strict";

const MANY = 8;  // panels from which actions share one, in colours of their own
const LEARNING_MS = 400;  // from one checkpoint to the next
const DOTS = 2500;  // cells up to which each is a dot; more become squares without gaps

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// visits: the recorded training steps of each cell; null: unknown, and cells without a change count as not visited.
function tables(film, visits) {
  const actions = film.actions.length;
  return film.values.map((text, n) => {
    const steps = new Uint16Array(bytes(text).buffer);
    const typed = new Map();  // cell -> the values that a user has given it
    const q = (cell, action) => typed.get(cell)?.[action] ?? film.low + film.step * steps[cell * actions + action];
    return { greedy: bytes(film.greedy[n]), q, steps, typed };
  }).map((table, n, [first]) => {
    const differs = (cell) => film.actions.some((_, a) => table.steps[cell * actions + a] !== first.steps[cell * actions + a]);
    const still = (cell) => n > 0 && !differs(cell) && !table.typed.has(cell);
    return { ...table, still, unvisited: visits ? (cell) => !visits[cell] : still };
  });
}

// The panels of every map of a film: one for each action, or one for all of them, and one for values.
function rowsOf(film) {
  let first = 0;
  const maps = film.panels.map((panel) => {
    const [columns, rows] = [panel.x.edges.length - 1, panel.y.edges.length - 1];
    const map = { ...panel, columns, rows, first };
    first += columns * rows;
    return map;
  });
  const together = film.actions.length * maps.length > MANY || maps.some((map) => map.signs);
  return maps.map((map) => {
    const policy = together
      ? [{ map, title: "greedy action", kind: "policy" }]
      : film.actions.map((name, action) => ({ map, title: name, kind: "action", action }));
    const visits = film.visits ? [{ map, title: film.counted, kind: "visits" }] : [];
    return [...policy, { map, title: "value of the greedy action", kind: "value" }, ...visits];
  });
}

const inks = new Map();  // asking the browser takes long, for each of thousands of cells
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => inks.clear());

function style(name) {
  if (!inks.has(name)) inks.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return inks.get(name);
}

function drawPanel(canvas, panel, film, table, range) {
  const { map } = panel;
  const wide = canvas.clientWidth || 220;
  const ratio = window.devicePixelRatio || 1;
  const strip = map.rows === 1 && !map.y.name;
  const pen = canvas.getContext("2d");
  const left = strip ? 6 : roomForRows(pen, map), bottom = 32, top = 4, right = 8;
  const inner = wide - left - right;
  const tall = map.signs ? inner * (map.rows / map.columns) : strip ? 40 : inner * 0.8;
  [canvas.width, canvas.height] = [wide * ratio, (tall + top + bottom) * ratio];
  canvas.style.height = `${tall + top + bottom}px`;
  pen.scale(ratio, ratio);
  const place = (axis, from, to) => {
    const [low, high] = [axis.edges[0], axis.edges.at(-1)];
    return axis.edges.map((edge) => from + ((edge - low) / (high - low)) * (to - from));
  };
  const xs = place(map.x, left, left + inner), ys = place(map.y, top + tall, top);
  const solid = panel.kind !== "action" || map.columns * map.rows > DOTS;
  for (let i = 0; i < map.columns; i += 1) {
    for (let j = 0; j < map.rows; j += 1) {
      const cell = map.first + i * map.rows + j, local = i * map.rows + j;
      const [x, y, w, h] = [xs[i], ys[j + 1], xs[i + 1] - xs[i], ys[j] - ys[j + 1]];
      if (map.ends?.[local]) pen.fillStyle = style("--still");
      else pen.fillStyle = inkOf(panel, table, cell, range);
      const hidden = panel.unvisited && table.unvisited(cell);
      const other = panel.kind === "action" && table.greedy[cell] !== panel.action && !hidden;
      pen.globalAlpha = other && !map.ends?.[local] ? 0.35 : 1;
      if (solid || hidden || map.ends?.[local]) pen.fillRect(x, y, w + 0.4, h + 0.4);
      else {
        const part = other ? 0.28 : 0.46;
        pen.beginPath();
        pen.ellipse(x + w / 2, y + h / 2, w * part, h * part, 0, 0, 2 * Math.PI);
        pen.fill();
      }
      pen.globalAlpha = 1;
      if (map.signs) sign(pen, panel, film, table, cell, local, x, y, w, h);
    }
  }
  if (map.walls) {
    const scaled = (axis, from, to) => (at) => from + ((at - axis.edges[0]) / (axis.edges.at(-1) - axis.edges[0])) * (to - from);
    const x = scaled(map.x, left, left + inner), y = scaled(map.y, top + tall, top);
    pen.strokeStyle = style("--ink");
    pen.lineWidth = 3;
    for (const [x1, y1, x2, y2] of map.walls) {
      pen.beginPath();
      pen.moveTo(x(x1), y(y1));
      pen.lineTo(x(x2), y(y2));
      pen.stroke();
    }
    pen.lineWidth = 1;
  }
  frame(pen, map, strip, left, top, inner, tall);
  panel.where = { xs, ys };
}

function inkOf(panel, table, cell, [low, high]) {
  const greedy = table.greedy[cell];
  if (panel.unvisited && table.unvisited(cell)) return style("--still");
  if (panel.kind === "visits") {
    const count = panel.visits[cell];
    return count ? `rgb(${cividis(Math.log(count) / Math.log(panel.most))})` : style("--still");
  }
  if (panel.kind === "action") return style(greedy === panel.action ? "--greedy" : "--other");
  if (panel.kind === "policy") return style(`--c${greedy % COLOURS}`);
  if (table.still(cell)) return style("--still");
  return `rgb(${cividis((table.q(cell, greedy) - low) / (high - low || 1))})`;
}

function sign(pen, panel, film, table, cell, local, x, y, w, h) {
  const letter = panel.map.signs[local];
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  if (panel.map.ends[local]) {
    pen.fillStyle = style("--ink");
    pen.font = `600 ${Math.min(14, h * 0.5)}px system-ui, sans-serif`;
    pen.fillText(letter, x + w / 2, y + h / 2);
  } else if (panel.kind === "policy") {
    pen.fillStyle = "#ffffff";
    pen.font = `600 ${Math.min(18, h * 0.6)}px system-ui, sans-serif`;
    pen.fillText(film.arrows[table.greedy[cell]], x + w / 2, y + h / 2);
  }
}

const LABELS = "11px system-ui, sans-serif";

// The first and the last label of an axis.
function endsOf(axis) {
  return axis.labels.length ? [axis.labels[0], axis.labels.at(-1)] : [number(axis.edges[0]), number(axis.edges.at(-1))];
}

// The width in pixels of the labels beside a panel: the axis's name, upright, then its ends.
function roomForRows(pen, map) {
  pen.font = LABELS;
  const widest = Math.max(...endsOf(map.y).map((label) => pen.measureText(label).width));
  return Math.min(100, Math.max(46, 24 + widest));
}

function frame(pen, map, strip, left, top, inner, tall) {
  pen.strokeStyle = style("--pale");
  pen.strokeRect(left, top, inner, tall);
  pen.fillStyle = style("--quiet");
  pen.font = LABELS;
  pen.textBaseline = "alphabetic";
  const [from, to] = endsOf(map.x);
  pen.textAlign = "left";
  pen.fillText(from, left, top + tall + 14);
  pen.textAlign = "right";
  pen.fillText(to, left + inner, top + tall + 14);
  pen.textAlign = "center";
  pen.fillText(map.x.name, left + inner / 2, top + tall + 27);
  if (strip) return;
  const [low, high] = endsOf(map.y);
  pen.textAlign = "right";
  pen.fillText(low, left - 4, top + tall);
  pen.fillText(high, left - 4, top + 9);
  if (inner < 130) return;
  pen.save();
  pen.translate(12, top + tall / 2);
  pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  pen.fillText(map.y.name, 0, 0, tall + 2 * top);
  pen.restore();
}

function film(figure) {
  const shown = data.films[figure.dataset.film];
  const visits = shown.visits && new Uint32Array(bytes(shown.visits).buffer);
  const recorded = shown.counted === "visits" && visits;
  const all = tables(shown, recorded);
  const slider = figure.querySelector("input[type=range]"), output = figure.querySelector("output");
  const holder = figure.querySelector(".panels"), cells = all[0].greedy.length;
  let range = [Infinity, -Infinity];
  for (const table of all) {
    for (let cell = 0; cell < cells; cell += 1) {
      const best = table.q(cell, table.greedy[cell]);
      if (table === all[0] ? all.length > 1 : table.still(cell)) continue;
      range = [Math.min(range[0], best), Math.max(range[1], best)];
    }
  }
  const panels = rowsOf(shown).flatMap((row) => {
    if (row[0].map.fixed) html("h3", {}, holder, row[0].map.fixed);
    const line = html("div", { class: "row" }, holder);
    return row.map((panel) => add(panel, line));
  });

  function add(panel, line) {
    const place = html("div", { class: "panel" }, line);
    if (panel.kind === "visits") Object.assign(panel, { visits, most: Math.max(2, ...visits) });
    panel.place = place;
    html("h4", {}, place, panel.title);
    const layers = html("div", { class: "layers" }, place);
    panel.canvas = html("canvas", { role: "img" }, layers);
    panel.over = html("canvas", { class: "over", "aria-hidden": "true" }, layers);
    panel.tip = html("div", { class: "tip" }, place);
    panel.canvas.addEventListener("pointermove", (event) => point(panel, event));
    panel.canvas.addEventListener("pointerleave", () => { panel.tip.style.visibility = "hidden"; });
    return panel;
  }

  function draw() {
    const n = Number(slider.value), table = all[n];
    const scored = shown.scores[n] === null ? "not evaluated" : `score ${number(shown.scores[n])}`;
    const score = shown.scores.some(finite) ? `: ${scored}` : "";
    const chosen = n === shown.best ? ", the chosen one" : "";
    output.textContent = `${shown.checkpoints[n]}, after ${number(shown.episodes[n])} episodes${score}${chosen}`;
    slider.setAttribute("aria-valuetext", output.textContent);
    const counts = shown.actions.map((_, action) => table.greedy.filter((greedy) => greedy === action).length);
    const shares = shown.actions.map((name, action) => `${name} in ${Math.round((100 * counts[action]) / cells)}%`);
    for (const panel of panels) {
      const line = panel.place.parentElement;
      line.style.setProperty("--panels", line.querySelectorAll(".panel:not([hidden])").length);
    }
    for (const panel of panels) {
      const title = [panel.title, panel.map.fixed].filter(Boolean).join(", ");
      panel.canvas.setAttribute("aria-label", `${title}, ${shown.checkpoints[n]}. Greedy: ${shares.join(", ")} of the cells.`);
      if (!panel.place.hidden) drawPanel(panel.canvas, panel, shown, table, range);
    }
  }

  // Which layers of the tables are shown, by check boxes.
  function layers() {
    const field = html("fieldset", { class: "choice" });
    holder.before(field);
    html("legend", {}, field, "Layers");
    const kinds = [["actions", ["action", "policy"]], ["values", ["value"]], [shown.counted, ["visits"]]];
    for (const [name, of] of kinds) {
      const some = panels.filter((panel) => of.includes(panel.kind));
      if (some.length) box(field, name, !of.includes("visits"), (checked) => some.forEach((panel) => { panel.place.hidden = !checked; }));
    }
    if (all.length > 1 || recorded) box(field, `mark cells never ${recorded ? "visited" : "changed"}`, false, (checked) => panels.forEach((panel) => { panel.unvisited = checked; }));
  }

  function box(field, name, checked, change) {
    const label = html("label", {}, field), input = html("input", { type: "checkbox" }, label);
    label.append(` ${name}`);
    input.checked = checked;
    input.addEventListener("change", () => { change(input.checked); draw(); slider.dispatchEvent(new Event("redrawn")); });
    change(checked);
  }

  // A button that moves the slider from checkpoint to checkpoint.
  function learning() {
    const button = html("button", { type: "button", class: "learning" }, slider.parentElement, "Watch it learn");
    let timer = 0;
    const stop = () => { clearInterval(timer); timer = 0; button.textContent = "Watch it learn"; };
    const next = () => {
      if (Number(slider.value) >= Number(slider.max)) { stop(); return; }
      slider.value = Number(slider.value) + 1;
      slider.dispatchEvent(new Event("input"));
    };
    button.addEventListener("click", (event) => {
      event.preventDefault();
      if (timer) { stop(); return; }
      if (Number(slider.value) >= Math.min(shown.best, Number(slider.max))) slider.value = 0;  // from the start
      slider.dispatchEvent(new Event("input"));
      button.textContent = "Stop";
      timer = setInterval(next, LEARNING_MS);
    });
  }

  function point(panel, event) {
    const { map, where, canvas, tip } = panel;
    const box = canvas.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const i = where.xs.findIndex((edge) => edge > px) - 1, j = where.ys.findIndex((edge) => edge < py) - 1;
    tip.style.visibility = i < 0 || j < 0 ? "hidden" : "visible";
    if (i < 0 || j < 0) return;
    const cell = map.first + i * map.rows + j, table = all[Number(slider.value)];
    const span = (axis, k) => axis.labels[k] ?? `${number(axis.edges[k])} to ${number(axis.edges[k + 1])}`;
    tip.replaceChildren();
    html("b", {}, tip, [map.x.name && `${map.x.name} ${span(map.x, i)}`, map.y.name && `${map.y.name} ${span(map.y, j)}`].filter(Boolean).join(", "));
    if (visits) html("div", {}, tip, `${shown.counted} ${number(visits[cell])}`);
    shown.actions.forEach((name, action) => {
      const best = table.greedy[cell] === action ? " (greedy)" : "";
      const line = html("div", {}, tip);
      html("span", { class: "value" }, line, number(table.q(cell, action)));
      line.append(` ${name}${best}`);
    });
    tip.style.left = `${Math.max(0, Math.min(px + 12, box.width - tip.offsetWidth))}px`;
    tip.style.top = `${py + 34}px`;
  }

  explain(figure.querySelector(".legend"), shown, panels, range);
  layers();
  if (all.length > 1) learning();
  slider.addEventListener("input", draw);
  slider.addEventListener("edited", ({ detail: { n, cell, values, greedy } }) => {
    const place = shown.play.cells.flat().indexOf(cell);  // the maps have another order than the grid
    if (place < 0) return;  // in no slice that is drawn
    all[n].greedy[place] = greedy;
    all[n].typed.set(place, values);
    panels.forEach((panel) => { panel.tip.style.visibility = "hidden"; });
    draw();
  });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", draw);
  new ResizeObserver(draw).observe(holder);
  draw();
  if (shown.play) playground(figure, shown, panels, slider);
}

function explain(legend, shown, panels, range) {
  if (panels[0].kind === "action") legend.append("Large green: the greedy action of a cell; small red: not. ");
  else {
    shown.actions.forEach((name, action) => {
      const item = html("span", { class: "key" }, legend);
      html("span", { class: "swatch", "aria-hidden": "true" }, item).style.background = colour(action);
      item.append(panels[0].map.signs ? `${shown.arrows[action]} ${name}` : name);
    });
  }
  if (shown.visits) {
    legend.append(shown.counted === "visits"
      ? "Visits: training steps that began in a cell, of all of the training. "
      : "Changes: checkpoints at which a cell had changed, of all of the training. ");
  }
  legend.append(`Values go from ${number(range[0])} (dark) to ${number(range[1])} (yellow); grey: unchanged since the first checkpoint.`);
  if (shown.fixed) legend.append(` Fixed: ${shown.fixed}.`);
}

// A figure's film is made when it is first shown: decoding tables takes time.
function shownFilms() {
  for (const figure of document.querySelectorAll("[data-film]:not([hidden]):not([data-made])")) {
    figure.dataset.made = "";
    film(figure);
  }
}

shownFilms();

for (const choice of document.querySelectorAll(".choice input[type=radio]")) {
  choice.addEventListener("change", () => {
    for (const figure of choice.closest("section").querySelectorAll("[data-film]")) {
      figure.hidden = figure.dataset.film !== choice.value;
    }
    shownFilms();
  });
}
