// The agent at play beside its Q-table: episodes from chosen starts, with the table of the chosen checkpoint.
"use strict";

const SPEEDS = [["0.25", "a quarter"], ["1", "normal"], ["4", "4 times"], ["16", "16 times"]];
const RETURNS_HEIGHT = 120, TALLEST = 380;  // of the chart of returns and of the scene, in pixels
const KEYS = [
  ["ArrowLeft", ["left", "west", "push left", "torque -1"]],
  ["ArrowRight", ["right", "east", "push right", "torque +1"]],
  ["ArrowUp", ["up", "north"]],
  ["ArrowDown", ["down", "south", "no push", "torque 0"]],
];

// Numbers that Python packed: deflated, the first bytes of all numbers before their second bytes, and so on.
async function unpacked(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer()), count = planes.length / 8;
  const plain = new Uint8Array(planes.length);
  for (let n = 0; n < count; n += 1) for (let k = 0; k < 8; k += 1) plain[8 * n + k] = planes[k * count + n];
  return new Float64Array(plain.buffer);
}

// One episode of a policy. table: a Q-table; start: a state, and where the random numbers begin.
class Episode {
  constructor(play, world, table, start) {
    [this.play, this.world, this.table] = [play, world, table];
    this.state = [...start.state];
    this.before = [...start.state];
    this.random = start.random ? pcg64(...start.random) : Math.random;
    this.actions = table.length / play.size;
    [this.steps, this.total, this.ending, this.action] = [0, 0, "", null];
    this.returns = [0];
    this.path = [this.world.observe(this.state)];
  }

  get seen() { return this.path.at(-1); }
  get cells() { return cellsOf(this.play.grid, this.seen); }
  get values() { return valuesIn(this.table, this.cells, this.actions); }
  get greedy() { return greedyOf(this.values); }

  step(action = this.greedy) {
    if (this.ending) return;
    this.before = [...this.state];
    const [reward, terminated] = this.world.step(this.state, action, this.random);
    this.action = action;
    this.steps += 1;
    this.total += reward;
    this.returns.push(this.total);
    this.path.push(this.world.observe(this.state));
    if (terminated) this.ending = "terminated";
    else if (this.steps >= this.play.maxSteps) this.ending = "step limit";
  }
}

// Unpacks what all episodes of a film need, once.
async function readied(play) {
  play.ready ??= (async () => {
    if (play.constants) play.constants = await unpacked(play.constants);
    const { offsets, buckets } = play.grid;
    play.size = offsets.length > 1
      ? offsets.length * buckets.reduce((size, count) => size * (count + 1), 1)
      : buckets.reduce((size, count) => size * count, 1);
    play.kept = new Map();
  })();
  await play.ready;
}

const playable = (play) => play.tables.flatMap((text, n) => (text === null ? [] : [n]));

// The policy of a film's checkpoint, or of the nearest one whose table is in the page.
async function agent(film, n, named = false) {
  const { play } = film;
  await readied(play);
  const at = playable(play).reduce((best, other) => (Math.abs(other - n) < Math.abs(best - n) ? other : best));
  if (!play.kept.has(at)) play.kept.set(at, await unpacked(play.tables[at]));
  const name = named ? `${film.run}, ${film.checkpoints[at]}` : film.checkpoints[at];
  return { play, world: worldOf(play), table: play.kept.get(at), name, at };
}

// What may play beside a film from the same start: its other checkpoints, and the other runs of its section.
function rivalsOf(figure, film) {
  const own = playable(film.play).map((n) => ({ film, n, value: String(n), text: film.checkpoints[n] }));
  const others = [...figure.parentElement.querySelectorAll("[data-film]")].filter((other) => other !== figure);
  const runs = others.map((other) => data.films[other.dataset.film]).filter((other) => other.play);
  return [...own, ...runs.map((other, n) => ({ film: other, n: other.best, value: `run ${n}`, text: `${other.run}, ${other.checkpoints[other.best]}` }))];
}

// Builds the playground of a film. views: its panels with their canvases; current(): the shown checkpoint's number.
async function playground(figure, film, views, slider) {
  const { play } = film;
  play.maps = [...new Set(views.map((view) => view.map))];
  await readied(play);
  const scene = sceneOf(play, film, play.maps), rivals = rivalsOf(figure, film);
  const place = figure.querySelector(".playground");
  place.hidden = false;
  const made = parts(place, film, scene, rivals);
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const state = { start: play.starts[0], playing: false, last: 0, due: 0, speed: 1, episodes: [], names: [], at: 0, turn: 0, frame: 0 };

  async function restart(start = state.start) {
    state.start = start;
    state.turn += 1;
    const { turn } = state;
    const beside = rivals.flatMap(({ film: other, n, value }) => (value === made.other.value ? [agent(other, n, other !== film)] : []));
    const shown = await Promise.all([agent(film, Number(slider.value)), ...beside]);
    if (turn !== state.turn) return;  // another restart was asked for meanwhile
    state.episodes = shown.map((one) => new Episode(one.play, one.world, one.table, start));
    [state.names, state.at] = [shown.map((one) => one.name), shown[0].at];
    made.second.hidden = state.episodes.length < 2;
    show();
  }

  function step(action) {
    const [first, ...others] = state.episodes;
    first.step(action);
    others.forEach((episode) => episode.step());
    if (state.episodes.every((episode) => episode.ending)) pause();
  }

  function pause() {
    state.playing = false;
    cancelAnimationFrame(state.frame);
    made.play.textContent = "Play";
    say();
  }

  function start() {
    state.playing = true;
    made.play.textContent = "Pause";
    [state.last, state.due] = [performance.now(), 0];
    state.frame = requestAnimationFrame(tick);
  }

  async function toggle() {
    if (state.playing) { pause(); show(); return; }
    if (state.episodes.every((episode) => episode.ending)) await restart();
    start();
  }

  function tick(now) {
    if (!state.playing) return;
    state.due += Math.min(now - state.last, 250) / 1000 * play.fps * state.speed;
    state.last = now;
    while (state.due >= 1 && state.playing) {
      step();
      state.due -= 1;
    }
    show(state.playing && !calm.matches ? state.due : 1);
    if (state.playing) state.frame = requestAnimationFrame(tick);
  }

  // part: how much of the step from the state before to the present one is drawn.
  function show(part = 1) {
    if (!state.episodes.length) return;  // the first table is not unpacked yet
    state.episodes.forEach((episode, n) => {
      const canvas = made.scenes[n];
      if (!scene || !canvas.parentElement.clientWidth) return;
      const room = canvas.parentElement.clientWidth, wide = Math.min(room, Math.round(TALLEST / scene.shape));
      const tall = Math.round(wide * scene.shape);
      [canvas.style.width, canvas.style.height] = [`${wide}px`, `${tall}px`];
      const smooth = play.world === "tables" || part === 1 ? episode.state
        : episode.state.map((value, d) => (Math.abs(value - episode.before[d]) > 3 ? value : episode.before[d] + part * (value - episode.before[d])));
      // On a map the arrow is the next step; otherwise the force of the step that is being drawn.
      const name = episode.ending ? "" : film.actions[episode.greedy];
      scene.draw(canvas, wide, tall, smooth, episode.action, name);
    });
    views.forEach((view) => trace(view, play, state.episodes));
    drawReturns(made.chart, state.episodes, play);
    inspect();
    const [first, second] = state.episodes;
    state.episodes.forEach((episode, n) => {
      made.names[n].textContent = second ? `${state.names[n]}: return ${number(episode.total)}` : state.names[n];
    });
    const beside = second && !scene ? ` Beside it: return ${number(second.total)}.` : "";
    made.now.textContent = sentence(first, film) + beside;
    if (!state.playing) say();
  }

  function say() { made.said.textContent = sentence(state.episodes[0], film); }

  function inspect() {
    const [first] = state.episodes, values = first.values, greedy = first.greedy, written = distinctTexts(values);
    made.values.forEach(({ row, input }, action) => {
      row.classList.toggle("greedy", action === greedy);
      if (document.activeElement !== input) input.value = written[action];
      input.disabled = state.playing || first.cells.length > 1;
    });
  }

  made.values.forEach(({ input }, action) => input.addEventListener("change", () => {
    const [first] = state.episodes, value = Number(input.value);
    if (input.value === "" || !Number.isFinite(value)) { inspect(); return; }
    const [cell] = first.cells;
    first.table[cell * first.actions + action] = value;
    slider.dispatchEvent(new CustomEvent("edited", { detail: { n: state.at, cell, values: first.values, greedy: first.greedy } }));
    show();
  }));

  function act(action) {
    if (!state.episodes.length) return;
    pause();
    step(action);
    show();
  }

  made.values.forEach(({ act: button }, action) => button.addEventListener("click", () => act(action)));
  made.play.addEventListener("click", toggle);
  made.step.addEventListener("click", () => { pause(); step(); show(); });
  made.again.addEventListener("click", async () => { pause(); await restart(); });
  made.speed.addEventListener("change", () => { state.speed = Number(made.speed.value); });
  made.from.addEventListener("change", () => { pause(); restart(play.starts[Number(made.from.value)]); });
  made.other.addEventListener("change", () => { pause(); restart(); });
  slider.addEventListener("redrawn", () => show());
  slider.addEventListener("input", async () => {
    const going = state.playing;
    pause();
    await restart();
    if (going) start();
  });
  // Keys that mean nothing to a button drive the agent, so that they work after Restart as well. A list that
  // was changed by the pointer gives them back; by the keyboard it keeps them.
  place.addEventListener("keydown", (event) => {
    const { target } = event;
    if (target.matches("input, select") || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === " " && !target.matches("button")) { event.preventDefault(); toggle(); return; }
    const action = actionOf(event.key, film.actions);
    if (action === null) return;
    event.preventDefault();
    act(action);
  });
  for (const list of [made.speed, made.from, made.other]) {
    let pointed = false;
    list.addEventListener("pointerdown", () => { pointed = true; });
    list.addEventListener("keydown", () => { pointed = false; });
    list.addEventListener("change", () => { if (pointed) made.stage.focus({ preventScroll: true }); });
  }
  if (scene?.start) {
    made.scenes.forEach((canvas) => {
      canvas.style.cursor = "pointer";
      canvas.addEventListener("click", (event) => {
        const { width, height } = canvas.getBoundingClientRect(), [first] = state.episodes;
        if (!first) return;
        const now = first.ending ? state.start.state : first.state;  // at its end a taxi has no passenger to fetch
        pause();
        restart({ state: scene.start(event.offsetX / width, event.offsetY / height, now) });
      });
    });
  }
  for (const view of views) {
    view.canvas.addEventListener("click", (event) => {
      const chosen = stateAt(view, event, play);
      if (chosen) { pause(); restart({ state: chosen }); }
    });
  }
  new ResizeObserver(() => show()).observe(place);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
  await restart();
  if (!calm.matches) {
    const watcher = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting) return;
      watcher.disconnect();
      if (!state.episodes[0].steps && !state.playing) start();
    }, { threshold: 0.6 });
    watcher.observe(made.stage);
  }
}

function sentence(episode, film) {
  const ending = { terminated: "; the episode has terminated", "step limit": "; truncated at the step limit", "": "" }[episode.ending];
  const last = episode.action === null ? "" : `, ${film.actions[episode.action]}`;
  const next = episode.ending ? "" : `; greedy: ${film.actions[episode.greedy]}`;
  return `Step ${episode.steps}${last}: return ${number(episode.total)}${ending}${next}.`;
}

// Values as text, with at least four digits and as many as tell different ones apart.
function distinctTexts(values) {
  const different = new Set(values).size, whole = Math.max(...values.map((value) => Math.abs(Math.trunc(value)).toFixed(0).length));
  for (let digits = Math.max(4, Math.min(whole, 17)); ; digits += 1) {
    const written = values.map((value) => String(Number(value.toPrecision(digits))));
    if (digits >= 17 || new Set(written).size === different) return written;
  }
}

function actionOf(key, actions) {
  const names = KEYS.find(([name]) => name === key)?.[1] ?? [];
  const named = actions.findIndex((action) => names.includes(action));
  if (named >= 0) return named;
  return /^[0-9]$/.test(key) && Number(key) < actions.length ? Number(key) : null;
}

// The elements of a playground.
function parts(place, film, scene, rivals) {
  const stage = html("div", { class: "stage", tabindex: "0", role: "group", "aria-label": "The agent. Space plays; arrow keys or digits take an action." }, place);
  const scenes = html("div", { class: "scenes" }, stage);
  const pictures = [0, 1].map(() => {
    const holder = html("div", { class: "scene" }, scenes);
    const name = html("h4", {}, holder);
    return { holder, name, canvas: html("canvas", { "aria-hidden": "true" }, holder) };
  });
  if (!scene) scenes.hidden = true;
  const now = html("p", { class: "now", "aria-hidden": "true" }, stage);
  const said = html("p", { class: "unseen", "aria-live": "polite" }, stage);
  const side = html("div", { class: "side" }, place);
  const buttons = html("div", { class: "buttons" }, side);
  const button = (text) => html("button", { type: "button" }, buttons, text);
  const [play, step, again] = ["Play", "Step", "Restart"].map(button);
  const choice = (label, options) => {
    const select = html("select", {}, html("label", {}, buttons, `${label} `));
    options.forEach(([value, text]) => html("option", { value }, select, text));
    return select;
  };
  const speed = choice("Speed", SPEEDS);
  speed.value = "1";
  const from = choice("Start", film.play.starts.map((start, n) => [String(n), `test start ${n + 1}`]));
  const other = choice("Beside it", [["", "nothing"], ...rivals.map(({ value, text }) => [value, text])]);
  const rows = html("div", { class: "cell-values" }, side);
  html("h4", {}, rows, "Q-values here");
  const values = film.actions.map((name) => {
    const row = html("div", { class: "value-row" }, rows);
    const act = html("button", { type: "button", title: "Take this action" }, row, name);
    return { row, act, input: html("input", { type: "number", step: "any", "aria-label": `Q-value of ${name}` }, row) };
  });
  const canvas = html("canvas", { class: "returns", role: "img", "aria-label": "Return so far, by step" }, side);
  const names = pictures.map(({ name }) => name);
  return { stage, scenes: pictures.map((picture) => picture.canvas), second: pictures[1].holder, names, now, said, play, step, again, speed, from, other, chart: canvas, values };
}

// The state in the middle of a clicked cell; null where a cell does not say all of the state.
function stateAt(view, event, play) {
  const box = view.canvas.getBoundingClientRect(), { xs, ys } = view.where;
  const [px, py] = [event.clientX - box.left, event.clientY - box.top];
  const i = xs.findIndex((edge) => edge > px) - 1, j = ys.findIndex((edge) => edge < py) - 1;
  if (i < 0 || j < 0) return null;
  if (play.world === "tables") return [play.cells[play.maps.indexOf(view.map)][i * view.map.rows + j]];
  if (play.world === "Acrobot") return null;
  const middle = (edges, k) => (edges[k] + edges[k + 1]) / 2;
  const state = new Array(play.grid.buckets.length).fill(0);
  state[play.axes[0]] = middle(view.map.x.edges, i);
  state[play.axes[1]] = middle(view.map.y.edges, j);
  return state;
}

// A pen for an empty canvas of a size in device pixels; a canvas that has the size keeps its memory.
function cleared(canvas, wide, tall) {
  const ratio = window.devicePixelRatio || 1, pen = canvas.getContext("2d");
  const size = [Math.round(wide), Math.round(tall)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, ...size);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
}

// The way of each episode over a panel, and the cell in which the first one is.
function trace(view, play, episodes) {
  const { map, where, canvas, over } = view;
  if (!where || view.place.hidden) return;
  over.style.height = canvas.style.height;
  const pen = cleared(over, canvas.width, canvas.height);
  const at = placesOn(view, play);
  episodes.forEach((episode, n) => {
    const points = episode.path.map(at), end = points.at(-1), colour = style(n ? "--c5" : "--ink");
    pen.beginPath();
    let open = false;
    for (const point of points) {
      if (point) (open ? pen.lineTo(...point) : pen.moveTo(...point));
      open = Boolean(point);
    }
    for (const [width, ink] of [[4, style("--paper")], [1.5, colour]]) {  // the wide one sets it off from any cell
      [pen.lineWidth, pen.strokeStyle, pen.globalAlpha] = [width, ink, width > 2 ? 0.6 : 1];
      pen.stroke();
    }
    if (!end) return;
    pen.fillStyle = colour;
    pen.beginPath();
    pen.arc(...end, 4, 0, 2 * Math.PI);
    pen.fill();
  });
  const end = at(episodes[0].seen);
  if (!end) return;
  const i = where.xs.findLastIndex((edge) => edge <= end[0]), j = where.ys.findLastIndex((edge) => edge >= end[1]);
  const [c, r] = [clip(i, 0, map.columns - 1), clip(j, 0, map.rows - 1)];
  pen.strokeStyle = style("--c1");
  pen.lineWidth = 2;
  pen.strokeRect(where.xs[c], where.ys[r + 1], where.xs[c + 1] - where.xs[c], where.ys[r] - where.ys[r + 1]);
}

// Returns the function from an observation to pixels of a panel; null for one that the panel does not show.
function placesOn({ map, where }, play) {
  const { xs, ys } = where;
  if (play.world === "tables") {
    const cells = new Map(play.cells[play.maps.indexOf(map)].map((cell, local) => [cell, local]));
    return ([state]) => {
      const local = cells.get(state);
      if (local === undefined) return null;
      const i = Math.floor(local / map.rows), j = local % map.rows;
      return [(xs[i] + xs[i + 1]) / 2, (ys[j] + ys[j + 1]) / 2];
    };
  }
  const along = (edges, pixels) => (value) => {
    const share = (value - edges[0]) / (edges.at(-1) - edges[0]);
    return pixels[0] + clip(share, 0, 1) * (pixels.at(-1) - pixels[0]);
  };
  const x = along(map.x.edges, xs), y = along(map.y.edges, ys);
  return (seen) => [x(seen[play.axes[0]]), y(seen[play.axes[1]])];
}

// The return so far, by step, of all episodes.
function drawReturns(canvas, episodes, play) {
  const wide = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
  if (!wide) return;
  canvas.style.height = `${RETURNS_HEIGHT}px`;
  const pen = cleared(canvas, wide * ratio, RETURNS_HEIGHT * ratio);
  const left = 46, bottom = 20, top = 8, all = episodes.flatMap((episode) => episode.returns);
  const longest = Math.max(20, ...episodes.map((episode) => episode.returns.length - 1));
  const [low, high] = [Math.min(...all), Math.max(...all)], flat = low === high;
  const x = (step) => left + (step / longest) * (wide - left - 10);
  const y = (value) => top + (flat ? 0.5 : (high - value) / (high - low)) * (RETURNS_HEIGHT - top - bottom);
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = style("--quiet");
  pen.textAlign = "right";
  pen.fillText(number(high), left - 6, y(high) + 4);
  if (!flat) pen.fillText(number(low), left - 6, y(low) + 4);
  pen.fillText(`${longest} steps`, wide - 10, RETURNS_HEIGHT - 6);
  pen.textAlign = "left";
  pen.fillText("return so far", left, RETURNS_HEIGHT - 6);
  pen.strokeStyle = style("--pale");
  pen.strokeRect(left, top, wide - left - 10, RETURNS_HEIGHT - top - bottom);
  episodes.forEach((episode, n) => {
    pen.strokeStyle = style(n ? "--c5" : "--c0");
    pen.lineWidth = 2;
    pen.beginPath();
    episode.returns.forEach((value, step) => (step ? pen.lineTo(x(step), y(value)) : pen.moveTo(x(step), y(value))));
    pen.stroke();
  });
}
