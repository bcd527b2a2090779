// Pictures of an environment's state, on a canvas of any size, in the page's colours.
"use strict";

// A pen in the environment's own units: x to the right and y upwards, the same length on both axes.
function unitPen(canvas, wide, tall, [left, right, bottom, top]) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(tall * ratio)) {
    [canvas.width, canvas.height] = [Math.round(wide * ratio), Math.round(tall * ratio)];
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, wide, tall);
  const size = Math.min(wide / (right - left), tall / (top - bottom));
  const x = (value) => wide / 2 + (value - (left + right) / 2) * size;
  const y = (value) => tall / 2 - (value - (bottom + top) / 2) * size;
  pen.lineCap = pen.lineJoin = "round";
  const line = (points, colour, width) => {
    pen.strokeStyle = style(colour);
    pen.lineWidth = width;
    pen.beginPath();
    points.forEach(([px, py], n) => (n ? pen.lineTo(x(px), y(py)) : pen.moveTo(x(px), y(py))));
    pen.stroke();
  };
  const disc = (px, py, radius, colour) => {
    pen.fillStyle = style(colour);
    pen.beginPath();
    pen.arc(x(px), y(py), radius * size, 0, 2 * Math.PI);
    pen.fill();
  };
  const text = (px, py, words, height, colour = "--ink") => {
    pen.fillStyle = style(colour);
    pen.font = `600 ${height * size}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(words, x(px), y(py));
  };
  return { pen, x, y, size, line, disc, text };
}

const hill = (position) => Math.sin(3 * position) * 0.45 + 0.55;

const SCENES = {
  MountainCar: {
    shape: 0.62,
    draw(canvas, wide, tall, [position], action) {
      const { pen, x, y, size, line, disc } = unitPen(canvas, wide, tall, [-1.25, 0.65, 0.04, 1.2]);
      const places = Array.from({ length: 91 }, (_, n) => -1.2 + n * 0.02);
      line(places.map((at) => [at, hill(at)]), "--ink", 2);
      line([[0.5, hill(0.5)], [0.5, hill(0.5) + 0.17]], "--ink", 1.5);
      pen.fillStyle = style("--c1");
      pen.beginPath();
      pen.moveTo(x(0.5), y(hill(0.5) + 0.17));
      pen.lineTo(x(0.58), y(hill(0.5) + 0.14));
      pen.lineTo(x(0.5), y(hill(0.5) + 0.11));
      pen.fill();
      const slope = Math.atan(3 * 0.45 * Math.cos(3 * position));
      const along = (forward, up) => [
        position + forward * Math.cos(slope) - up * Math.sin(slope),
        hill(position) + forward * Math.sin(slope) + up * Math.cos(slope),
      ];
      pen.save();
      pen.translate(x(position), y(hill(position)));
      pen.rotate(-slope);
      pen.fillStyle = style("--c0");
      pen.beginPath();
      pen.roundRect(-0.07 * size, -0.095 * size, 0.14 * size, 0.06 * size, 0.02 * size);
      pen.fill();
      pen.restore();
      for (const wheel of [-0.042, 0.042]) disc(...along(wheel, 0.026), 0.024, "--ink");
      if (action === 0 || action === 2) {
        const way = action - 1;
        line([along(0.09 * way, 0.065), along(0.16 * way, 0.065)], "--c1", 3);
        line([along(0.135 * way, 0.085), along(0.16 * way, 0.065), along(0.135 * way, 0.045)], "--c1", 3);
      }
    },
  },
  CartPole: {
    shape: 0.5,
    draw(canvas, wide, tall, [at, , angle], action) {
      const { pen, x, y, size, line, disc } = unitPen(canvas, wide, tall, [-2.6, 2.6, -0.5, 1.5]);
      line([[-2.6, 0], [2.6, 0]], "--pale", 1.5);
      for (const end of [-2.4, 2.4]) line([[end, -0.12], [end, 0.12]], "--c1", 2);
      pen.fillStyle = style("--c0");
      pen.beginPath();
      pen.roundRect(x(at - 0.25), y(0.15), 0.5 * size, 0.3 * size, 0.05 * size);
      pen.fill();
      line([[at, 0.1], [at + Math.sin(angle), 0.1 + Math.cos(angle)]], "--c5", 0.09 * size);
      disc(at, 0.1, 0.05, "--ink");
      if (action === 0 || action === 1) {
        const way = 2 * action - 1, from = at + 0.32 * way, to = at + 0.62 * way;
        line([[from, 0], [to, 0]], "--c1", 3);
        line([[to - 0.1 * way, 0.08], [to, 0], [to - 0.1 * way, -0.08]], "--c1", 3);
      }
    },
  },
  Acrobot: {
    shape: 0.8,
    draw(canvas, wide, tall, [first, second], action) {
      const { line, disc, text } = unitPen(canvas, wide, tall, [-2.7, 2.7, -2.2, 2.1]);
      line([[-2.7, 1], [2.7, 1]], "--c1", 1.5);
      const elbow = [Math.sin(first), -Math.cos(first)];
      const tip = [elbow[0] + Math.sin(first + second), elbow[1] - Math.cos(first + second)];
      line([[0, 0], elbow], "--c0", 8);
      line([elbow, tip], "--c4", 8);
      for (const joint of [[0, 0], elbow]) disc(...joint, 0.09, "--ink");
      disc(...tip, 0.07, "--c1");
      if (action === 0 || action === 2) text(elbow[0] + 0.34, elbow[1], action === 2 ? "↺" : "↻", 0.5, "--c1");
    },
  },
};

// A map of letters, walls and an agent; on Taxi's also a passenger and a destination.
// where(state): the places to draw; stateOf(column, row, state): the state there, else as a given one.
function mapScene(map, where, stateOf) {
  const { columns, rows, signs, ends, walls } = map;
  const cell = (share, count) => clip(Math.floor(share * (count + 0.1) - 0.05), 0, count - 1);
  return {
    shape: rows / columns,
    // The state at a point, in shares of the picture from its upper left corner.
    start: (right, down, state) => [stateOf(cell(right, columns), rows - 1 - cell(down, rows), state)],
    draw(canvas, wide, tall, state, action, name) {
      const { pen, x, y, size, line, disc, text } = unitPen(canvas, wide, tall, [-0.05, columns + 0.05, -0.05, rows + 0.05]);
      for (let i = 0; i < columns; i += 1) {
        for (let j = 0; j < rows; j += 1) {
          const local = i * rows + j;
          const goal = ends[local] && signs[local] === "G";
          pen.fillStyle = style(goal ? "--c2" : ends[local] ? "--still" : "--wash");
          pen.fillRect(x(i) + 0.5, y(j + 1) + 0.5, size - 1, size - 1);
          if (signs[local]) text(i + 0.5, j + 0.5, signs[local], 0.4, goal ? "--paper" : "--quiet");
        }
      }
      for (const [x1, y1, x2, y2] of walls ?? []) line([[x1, y1], [x2, y2]], "--ink", 3);
      const shown = where(state);
      if (!shown) return;
      if (shown.goal) {
        pen.strokeStyle = style("--c2");
        pen.lineWidth = 3;
        pen.strokeRect(x(shown.goal[0]) + 3, y(shown.goal[1] + 1) + 3, size - 6, size - 6);
      }
      const [i, j] = shown.at;
      disc(i + 0.5, j + 0.5, 0.3, "--c0");
      if (shown.passenger) disc(shown.passenger[0] + 0.5, shown.passenger[1] + 0.5, 0.16, "--c1");
      const way = { left: [-1, 0], west: [-1, 0], right: [1, 0], east: [1, 0], up: [0, 1], north: [0, 1], down: [0, -1], south: [0, -1] }[name];
      if (way) {
        const [dx, dy] = way, [cx, cy] = [i + 0.5, j + 0.5];
        line([[cx, cy], [cx + 0.42 * dx, cy + 0.42 * dy]], "--c1", 3);
        line([[cx + 0.28 * dx + 0.12 * dy, cy + 0.28 * dy + 0.12 * dx], [cx + 0.42 * dx, cy + 0.42 * dy], [cx + 0.28 * dx - 0.12 * dy, cy + 0.28 * dy - 0.12 * dx]], "--c1", 3);
      }
    },
  };
}

const TAXI_STANDS = [[0, 4], [4, 4], [0, 0], [3, 0]];  // R, G, Y, B: column, row from below

function taxiPlaces([state]) {
  const goal = state % 4, passenger = Math.floor(state / 4) % 5, column = Math.floor(state / 20) % 5, row = Math.floor(state / 100);
  const at = [column, 4 - row];
  return { at, goal: TAXI_STANDS[goal], passenger: passenger === 4 ? at : TAXI_STANDS[passenger] };
}

// The scene of an environment, or null if nobody knows how it looks.
function sceneOf(play, film, maps) {
  if (SCENES[play.world]) return SCENES[play.world];
  const [map] = maps;
  if (!map.signs) return null;
  if (maps.length > 1) return mapScene(map, taxiPlaces, (column, row, [state]) => ((4 - row) * 5 + column) * 20 + (state % 20));
  const places = new Map(play.cells[0].map((cell, local) => [cell, [Math.floor(local / map.rows), local % map.rows]]));
  return mapScene(map, ([state]) => ({ at: places.get(state) }), (column, row) => play.cells[0][column * map.rows + row]);
}
