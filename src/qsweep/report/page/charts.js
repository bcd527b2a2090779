// Charts: each is drawn into an SVG as wide as its place, and answers a pointer or arrow keys with values.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const COLOURS = 6;
const SPREAD = 0.3;  // width over which the dots at one value are spread, as a share of the smallest distance

const colour = (place) => (place === null ? "var(--pale)" : `var(--c${place % COLOURS})`);
const finite = (value) => value !== null && Number.isFinite(value);

function element(name, attributes = {}, parent = null, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "fill" || key === "stroke") made.style[key] = value;
    else made.setAttribute(key, value);
  }
  if (text !== null) made.textContent = text;
  parent?.append(made);
  return made;
}

function html(name, attributes = {}, parent = null, text = null) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  parent?.append(made);
  return made;
}

// Made once: a formatter takes a twentieth of a millisecond, and a chart of lines has thousands of numbers.
const formats = [0, 1, 2, 3, 4, 5, 6].map((digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits }));

function number(value) {
  if (!finite(value)) return "-";
  if (Math.abs(value) < 1e-12) return "0";
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) return value.toExponential(1);
  const digits = Math.max(0, 3 - Math.floor(Math.log10(size)));
  return formats[Math.min(digits, 6)].format(value);
}

function tickStep(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9)) * power;
}

function ticks(low, high, count) {
  const each = tickStep(low, high, count), found = [];
  for (let n = Math.ceil(low / each - 1e-9); n * each <= high + each * 1e-9; n += 1) found.push(n * each || 0);
  return found;
}

function scale(axis, low, high, from, to) {
  const log = axis.scale === "log";
  const f = log ? Math.log10 : (value) => value;
  const span = f(high) - f(low) || 1;
  const at = (value) => from + ((f(value) - f(low)) / span) * (to - from);
  at.ticks = (count) => {
    if (axis.names.length) {
      const every = Math.ceil(axis.names.length / count);
      return axis.names.map((name, place) => [place, name]).filter(([place]) => place % every === 0);
    }
    if (axis.at) return axis.at;
    if (!log) return ticks(low, high, count).map((value) => [value, number(value)]);
    const found = [];
    for (let n = Math.floor(f(low)); n <= f(high); n += 1) {
      for (const factor of [1, 2, 5]) {
        const value = factor * 10 ** n;
        if (value >= low && value <= high) found.push([value, number(value)]);
      }
    }
    return found;
  };
  return at;
}

function extent(values, rules = [], margin = 0.04) {
  const all = [...values, ...rules.map((rule) => rule.value)].filter(finite);
  const low = Math.min(...all), high = Math.max(...all);
  const room = (high - low || Math.abs(high) || 1) * margin;
  return [low - room, high + room];
}

const TICKS = 6;
const DOT = 0.015;  // room for half a dot, as a share of the extent

// The extent, up to the next tick on both sides, so that none of the data lies beyond the last one.
function rounded(values, rules = [], margin = 0) {
  let [low, high] = extent(values, rules, margin);
  if (low === high) [low, high] = extent(values, rules);
  for (let n = 0; n < 3; n += 1) {  // a larger extent may have larger steps
    const each = tickStep(low, high, TICKS);
    [low, high] = [Math.floor(low / each + 1e-9) * each, Math.ceil(high / each - 1e-9) * each];
  }
  return [low, high];
}

// The sides of a chart: ticks, grid, names, rules across. Returns where things stand.
function sides(svg, width, height, spec, xs, ys) {
  const yTexts = scale(spec.y, ...ys, 1, 0).ticks(TICKS).map(([, text]) => text);
  const left = Math.min(width * 0.4, 30 + 6.6 * Math.max(...yTexts.map((text) => text.length)));
  const [right, top, bottom] = [width - 10, 12, height - 40];
  const x = scale(spec.x, ...xs, left, right), y = scale(spec.y, ...ys, bottom, top);
  for (const [value, text] of y.ticks(TICKS)) {
    element("line", { class: "grid", x1: left, x2: right, y1: y(value), y2: y(value) }, svg);
    element("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, svg, text);
  }
  let free = -Infinity;
  const numeric = spec.x.scale === "linear" && !spec.x.names.length;
  for (const [value, text] of x.ticks(numeric ? TICKS : Math.max(3, Math.floor((right - left) / 70)))) {
    const half = 3.9 * text.length;
    element("line", { class: "axis", x1: x(value), x2: x(value), y1: bottom, y2: bottom + 4 }, svg);
    if (x(value) - half < free) continue;
    const inside = Math.min(Math.max(x(value), half), width - half);
    element("text", { x: inside, y: bottom + 18, "text-anchor": "middle" }, svg, text);
    free = x(value) + half + 6;
  }
  element("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }, svg);
  element("text", { class: "strong", x: (left + right) / 2, y: height - 4, "text-anchor": "middle" }, svg, spec.x.label);
  const turned = `rotate(-90 12 ${(top + bottom) / 2})`;
  const name = { class: "strong", x: 12, y: (top + bottom) / 2, "text-anchor": "middle", transform: turned };
  element("text", name, svg, spec.y.label);
  return { x, y, left, right, top, bottom };
}

function rules(svg, spec, place) {
  let above = -Infinity;  // where the line before is, from the top
  for (const rule of [...spec.rules].sort((one, other) => other.value - one.value)) {
    const y = place.y(rule.value);
    const text = y - above < 16 ? y + 13 : y - 4;  // two that are close have their words on either side
    element("line", { class: "rule", x1: place.left, x2: place.right, y1: y, y2: y }, svg);
    element("text", { class: "strong halo", x: place.right, y: text, "text-anchor": "end" }, svg, rule.label);
    above = y;
  }
}

function path(x, y, xs, values) {
  let pen = "M", drawn = "";
  values.forEach((value, n) => {
    if (!finite(value)) { pen = "M"; return; }
    drawn += `${pen}${x(xs[n]).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  });
  return drawn;
}

function area(x, y, xs, low, high) {
  const known = xs.map((_, n) => n).filter((n) => finite(low[n]) && finite(high[n]));
  const points = [
    ...known.map((n) => [x(xs[n]), y(low[n])]),
    ...known.reverse().map((n) => [x(xs[n]), y(high[n])]),
  ];
  return points.length ? `M${points.map((point) => point.map((v) => v.toFixed(1)).join(" ")).join("L")}Z` : "";
}

const value = (text, words, place = undefined) => ({ text, words, place });

function drawLines(svg, width, height, spec, hidden) {
  const lines = spec.lines.filter((line) => !hidden.has(line.label));
  const xs = rounded(spec.lines.flatMap((line) => [line.x[0], line.x.at(-1)]));
  const all = spec.lines.flatMap((line) => [line.y, line.low, line.high, line.least, line.most].flat());
  const place = sides(svg, width, height, spec, xs, rounded(all, spec.rules));
  const { x, y } = place;
  for (const line of [...lines].reverse()) {
    const ink = colour(line.colour), grey = line.colour === null;
    if (line.low.length) {
      element("path", { d: area(x, y, line.x, line.low, line.high), fill: ink, opacity: 0.18 }, svg);
    }
    for (const edge of [line.least, line.most]) {
      if (edge.length) {
        element("path", { d: path(x, y, line.x, edge), stroke: ink, fill: "none", "stroke-width": 0.7, opacity: 0.55 }, svg);
      }
    }
    const thick = { "stroke-width": grey ? 0.8 : 2, "stroke-linejoin": "round", opacity: grey ? 0.9 : 1 };
    element("path", { d: path(x, y, line.x, line.y), stroke: ink, fill: "none", ...thick }, svg);
  }
  rules(svg, spec, place);
  const coloured = lines.filter((line) => line.colour !== null);
  const longest = coloured.reduce((a, b) => (b.x.length > (a?.x.length ?? -1) ? b : a), null);
  const targets = (longest?.x ?? []).map((at) => {
    const values = coloured.map((line) => {
      let n = line.x.findIndex((other) => other >= at);
      if (n < 0) n = line.x.length - 1;
      const band = line.low.length && finite(line.low[n]) ? ` (${number(line.low[n])} to ${number(line.high[n])})` : "";
      const ends = line.least.length ? `, ${number(line.least[n])} to ${number(line.most[n])}` : "";
      return value(line.label, `${number(line.y[n])}${band}${coloured.length === 1 ? ends : ""}`, line.colour);
    });
    return { x: x(at), y: null, title: `${spec.x.label} ${number(at)}`, values };
  });
  return { targets, place, byColumn: true };
}

function drawDots(svg, width, height, spec) {
  const places = spec.groups.map((group) => group.x);
  const log = spec.x.scale === "log";
  const gap = Math.min(...places.slice(1).map((at, n) => (log ? at / places[n] : at - places[n])), log ? 4 : Infinity);
  const step = Number.isFinite(gap) ? gap : 1;
  const low = Math.min(...places), high = Math.max(...places);
  const xs = log ? [low / step ** 0.6, high * step ** 0.6] : [low - 0.6 * step, high + 0.6 * step];
  const few = places.length <= 16;
  const axis = spec.x.names.length || !few ? spec.x : { ...spec.x, at: spec.groups.map((group) => [group.x, group.label]) };
  const all = spec.groups.flatMap((group) => group.values);
  const place = sides(svg, width, height, { ...spec, x: axis }, xs, rounded(all, spec.rules, DOT));
  const { x, y } = place;
  const apart = places.slice(1).map((at, n) => Math.abs(x(at) - x(places[n])));
  const room = Math.min(46, SPREAD * Math.min(150, ...apart));  // dots at one place never reach the next value
  const targets = [];
  for (const group of spec.groups) {
    const n = group.values.length;
    group.values.forEach((score, k) => {
      const at = x(group.x) + (n > 1 ? (k / (n - 1) - 0.5) * room : 0);
      element("circle", { cx: at, cy: y(score), r: 3.2, fill: colour(0), opacity: 0.5 }, svg);
      targets.push({ x: at, y: y(score), title: group.names[k], values: [value(spec.y.label, number(score))] });
    });
    const [from, to] = group.interval;
    if (finite(from)) {
      element("line", { class: "interval", x1: x(group.x), x2: x(group.x), y1: y(from), y2: y(to) }, svg);
    }
    element("line", { class: "mean", x1: x(group.x) - 9, x2: x(group.x) + 9, y1: y(group.mean), y2: y(group.mean) }, svg);
    const words = finite(from) ? `${number(group.mean)} (${number(from)} to ${number(to)})` : number(group.mean);
    const title = `${spec.x.label} ${group.label}`;
    targets.push({ x: x(group.x), y: y(group.mean), title, values: [value("mean", words), value("runs", `${n}`)] });
  }
  rules(svg, spec, place);
  return { targets, place };
}

function drawClouds(svg, width, height, spec, hidden) {
  const clouds = spec.clouds.filter((cloud) => !hidden.has(cloud.label));
  const all = (side) => spec.clouds.flatMap((cloud) => cloud[side]);
  const log = spec.x.scale === "log";
  const [low, high] = [Math.min(...all("x")), Math.max(...all("x"))];
  const xs = log ? [low / 1.1, high * 1.1] : rounded(all("x"), [], DOT);
  const place = sides(svg, width, height, spec, xs, rounded(all("y"), spec.rules, DOT));
  const { x, y } = place;
  const targets = [];
  for (const cloud of [...clouds].reverse()) {
    const ink = colour(cloud.colour);
    cloud.x.forEach((seconds, n) => {
      const at = { cx: x(seconds), cy: y(cloud.y[n]) };
      element("circle", { ...at, r: 3, fill: ink, opacity: 0.5 }, svg);
      const values = [value(spec.x.label, number(seconds)), value(spec.y.label, number(cloud.y[n]))];
      targets.push({ x: at.cx, y: at.cy, title: cloud.names[n], values });
    });
    const mean = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;
    const at = { cx: x(mean(cloud.x)), cy: y(mean(cloud.y)) };
    element("circle", { ...at, r: 7, fill: "none", stroke: ink, "stroke-width": 2.2 }, svg);
    const values = [value(`mean ${spec.x.label}`, number(mean(cloud.x))), value(`mean ${spec.y.label}`, number(mean(cloud.y)))];
    if (spec.seconds.length) values.push(value("training", spec.seconds[spec.clouds.indexOf(cloud)]));
    targets.push({ x: at.cx, y: at.cy, title: cloud.label, values });
  }
  rules(svg, spec, place);
  return { targets, place };
}

const CIVIDIS = [[0, 34, 78], [61, 78, 108], [114, 115, 119], [180, 167, 113], [254, 232, 56]];

function cividis(share) {
  const at = Math.min(Math.max(share, 0), 1) * (CIVIDIS.length - 1);
  const n = Math.min(Math.floor(at), CIVIDIS.length - 2);
  return CIVIDIS[n].map((from, channel) => Math.round(from + (CIVIDIS[n + 1][channel] - from) * (at - n)));
}

function drawHeat(svg, width, height, spec) {
  const axis = (side) => ({ ...side, scale: "linear" });
  const both = { x: axis(spec.x), y: axis({ ...spec.y, names: [...spec.y.names].reverse() }) };
  const [columns, rows] = [spec.x.names.length, spec.y.names.length];
  const place = sides(svg, width, height, both, [-0.5, columns - 0.5], [-0.5, rows - 0.5]);
  const { x, y } = place;
  const [low, high] = extent(spec.values.flat(), [], 0);
  const w = x(1) - x(0), h = y(0) - y(1), targets = [];
  spec.values.forEach((line, i) => line.forEach((score, j) => {
    const [left, top] = [x(j - 0.5), y(rows - 1 - i + 0.5)];
    const shade = finite(score) ? cividis((score - low) / (high - low || 1)) : null;
    const fill = shade ? `rgb(${shade})` : "var(--still)";
    element("rect", { x: left, y: top, width: w + 0.5, height: h + 0.5, fill }, svg);
    if (shade && w > 44 && h > 16) {
      const ink = shade[0] * 0.3 + shade[1] * 0.6 + shade[2] * 0.1 > 120 ? "#1f2328" : "#ffffff";
      element("text", { x: left + w / 2, y: top + h / 2 + 4, "text-anchor": "middle", fill: ink }, svg, number(score));
    }
    const title = `${spec.x.label} ${spec.x.names[j]}, ${spec.y.label} ${spec.y.names[i]}`;
    const values = [value("mean", number(score)), value(spec.counted, `${spec.counts[i][j]}`)];
    targets.push({ x: left + w / 2, y: top + h / 2, title, values, box: [left, top, w, h] });
  }));
  return { targets, place };
}

function drawParallel(svg, width, height, spec) {
  const [left, right, top, bottom] = [24, width - 62, 14, height - 44];
  const narrow = (right - left) / (spec.axes.length - 1) < 110;  // then every other name stands lower
  const x = (n) => left + (n / (spec.axes.length - 1)) * (right - left);
  const y = (share) => bottom - share * (bottom - top);
  const order = spec.labels.map((_, n) => n).sort((a, b) => spec.shade[a] - spec.shade[b]);
  const targets = [];
  for (const n of order) {
    const shade = spec.shade[n];
    const d = spec.places[n].map((share, at) => `${at ? "L" : "M"}${x(at).toFixed(1)} ${y(share).toFixed(1)}`).join("");
    const ink = `color-mix(in srgb, var(--c0) ${Math.round(100 * shade)}%, var(--pale))`;
    element("path", { d, stroke: ink, fill: "none", "stroke-width": 0.9 + 1.3 * shade }, svg);
    const values = spec.axes.map((axis, at) => value(axis, spec.words[n][at]));
    const ends = spec.places[n].at(-1);
    targets.push({ x: right, y: y(ends), title: spec.labels[n], values, trace: d, corners: spec.places[n].map((share, at) => [x(at), y(share)]) });
  }
  spec.axes.forEach((axis, at) => {
    element("line", { class: "axis", x1: x(at), x2: x(at), y1: top, y2: bottom }, svg);
    for (const [share, text] of spec.ticks[at]) {
      element("text", { x: x(at) + 5, y: y(share) + 4, class: "strong halo" }, svg, text);
    }
    const anchor = at === 0 ? "start" : at === spec.axes.length - 1 ? "end" : "middle";
    const edge = at === 0 ? 0 : at === spec.axes.length - 1 ? width : x(at);
    element("text", { class: "strong", x: edge, y: height - (narrow && at % 2 ? 6 : 22), "text-anchor": anchor }, svg, axis);
  });
  return { targets, place: { left, right, top, bottom } };
}

function drawBars(svg, width, height, spec) {
  const names = spec.bars.map((bar) => bar.label);
  const side = { label: "", scale: "linear", names: [...names].reverse() };
  const share = { ...spec.x, at: [0, 0.25, 0.5, 0.75, 1].map((at) => [at, `${100 * at}%`]) };
  const place = sides(svg, width, height, { x: share, y: side }, [0, 1], [-0.6, names.length - 0.4]);
  const { x, y } = place;
  const percent = (at) => `${(100 * at).toFixed(0)}%`;
  const targets = spec.bars.map((bar, n) => {
    const middle = y(names.length - 1 - n), half = Math.min(14, (y(0) - y(1)) * 0.3 || 14);
    element("rect", { x: x(0), y: middle - half, width: x(bar.value) - x(0), height: 2 * half, fill: colour(0), opacity: 0.55 }, svg);
    const [low, high] = bar.interval;
    element("line", { class: "interval", x1: x(low), x2: x(high), y1: middle, y2: middle }, svg);
    const values = [value(spec.x.label, `${percent(bar.value)} (${percent(low)} to ${percent(high)})`)];
    return { x: x(bar.value), y: middle, title: bar.label, values };
  });
  return { targets, place };
}

const DRAW = {
  LineChart: drawLines, DotChart: drawDots, ScatterChart: drawClouds,
  HeatChart: drawHeat, ParallelChart: drawParallel, BarChart: drawBars,
};
const HEIGHT = { BarChart: (spec) => 64 + 44 * spec.bars.length, ParallelChart: () => 320 };

function keys(holder, spec, hidden, redraw) {
  const entries = (spec.lines ?? spec.clouds ?? []).filter((entry) => entry.colour !== null);
  if (!spec.lines && !spec.clouds) return;
  const list = html("ul", { class: "keys" });
  for (const entry of entries) {
    const button = html("button", { type: "button", "aria-pressed": "true" }, html("li", {}, list));
    const swatch = html("span", { class: "swatch", "aria-hidden": "true" }, button);
    swatch.style.background = colour(entry.colour);
    button.append(entry.label);
    button.addEventListener("click", () => {
      if (!hidden.delete(entry.label)) hidden.add(entry.label);
      button.setAttribute("aria-pressed", String(!hidden.has(entry.label)));
      redraw();
    });
  }
  for (const [name, words] of [["band", spec.band], ["thin", spec.extremes]]) {
    if (!words) continue;
    const item = html("li", {}, list);
    html("span", { class: name, "aria-hidden": "true" }, item);
    item.append(words);
  }
  holder.before(list);
}

function nearest(drawn, px, py) {
  let best = null, least = Infinity;
  for (const target of drawn.targets) {
    let apart;
    if (drawn.byColumn) apart = Math.abs(target.x - px);
    else if (target.corners) apart = toTrace(target.corners, px, py);
    else if (target.box) apart = Math.max(Math.abs(target.x - px) / target.box[2], Math.abs(target.y - py) / target.box[3]);
    else apart = Math.hypot(target.x - px, target.y - py);
    if (apart < least) [best, least] = [target, apart];
  }
  return best;
}

function toTrace(corners, px, py) {
  for (let n = 1; n < corners.length; n += 1) {
    const [[x1, y1], [x2, y2]] = [corners[n - 1], corners[n]];
    if (px <= x2 || n === corners.length - 1) return Math.abs(y1 + ((y2 - y1) * (px - x1)) / (x2 - x1) - py);
  }
  return Infinity;
}

function chart(holder) {
  const spec = data.charts[holder.dataset.chart];
  const hidden = new Set();
  const title = holder.closest("figure").querySelector("h3").textContent;
  const tip = html("div", { class: "tip", role: "status" }, holder);
  let drawn = null, svg = null, cursor = null, mark = null, at = -1, wide = 0;

  function draw() {
    wide = Math.max(holder.clientWidth, 240);
    const height = HEIGHT[spec.kind]?.(spec) ?? Math.min(Math.max(Math.round(wide * 0.52), 240), 400);
    svg?.remove();
    const words = `${title}. Arrow keys go from value to value; the values are listed below.`;
    const about = { viewBox: `0 0 ${wide} ${height}`, role: "img", "aria-label": words, tabindex: 0 };
    svg = element("svg", about);
    holder.prepend(svg);
    drawn = DRAW[spec.kind](svg, wide, height, spec, hidden);
    const { top, bottom } = drawn.place;
    cursor = element("line", { class: "cursor", y1: top, y2: bottom }, svg);
    mark = element("path", { class: "mark" }, svg);
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", point);
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("keydown", walk);
    svg.addEventListener("blur", hide);
    hide();
  }

  function point(event) {
    const box = svg.getBoundingClientRect();
    const factor = wide / box.width;
    const target = nearest(drawn, (event.clientX - box.left) * factor, (event.clientY - box.top) * factor);
    if (target) show(target);
  }

  function walk(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step || !drawn.targets.length) return;
    event.preventDefault();
    at = (at + step * (event.shiftKey ? 10 : 1) + drawn.targets.length) % drawn.targets.length;
    show(drawn.targets[at]);
  }

  function show(target) {
    at = drawn.targets.indexOf(target);
    tip.replaceChildren();
    html("b", {}, tip, target.title);
    for (const { text, words, place } of target.values) {
      const line = html("div", {}, tip);
      if (place !== undefined) html("span", { class: "dot" }, line).style.background = colour(place);
      html("span", { class: "value" }, line, words);
      line.append(` ${text}`);
    }
    const factor = svg.getBoundingClientRect().width / wide;
    const [x, y] = [target.x * factor, (target.y ?? drawn.place.top + 8) * factor];
    tip.style.visibility = "visible";
    const room = holder.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(x > holder.clientWidth / 2 ? x - tip.offsetWidth - 14 : x + 14, room))}px`;
    tip.style.top = `${Math.max(0, y - tip.offsetHeight / 2)}px`;
    cursor.style.visibility = drawn.byColumn ? "visible" : "hidden";
    cursor.setAttribute("x1", target.x);
    cursor.setAttribute("x2", target.x);
    mark.style.visibility = drawn.byColumn ? "hidden" : "visible";
    if (!drawn.byColumn) mark.setAttribute("d", target.trace ?? outline(target));
  }

  function outline({ x, y, box }) {
    if (box) return `M${box[0]} ${box[1]}h${box[2]}v${box[3]}h${-box[2]}Z`;
    return `M${x - 6} ${y}a6 6 0 1 0 12 0a6 6 0 1 0 -12 0`;
  }

  function hide() {
    at = -1;
    for (const part of [tip, cursor, mark]) part.style.visibility = "hidden";
  }

  keys(holder, spec, hidden, draw);
  draw();
  new ResizeObserver(() => { if (Math.abs(holder.clientWidth - wide) > 1) draw(); }).observe(holder);
}

document.querySelectorAll(".scriptless").forEach((words) => words.remove());
document.querySelectorAll("[data-chart]").forEach(chart);
