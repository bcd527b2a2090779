// Environments as functions of a state and an action: twins of those in which qsweep trains.
// step(state, action, random) changes the state and returns [reward, terminated]; observe(state) returns what a policy sees.
"use strict";

const clip = (value, low, high) => Math.min(Math.max(value, low), high);
const float32s = (values) => values.map(Math.fround);  // Gymnasium's observations are float32

const mountainCar = {
  step(state, action) {
    let [position, velocity] = state;
    velocity += (action - 1) * 0.001 + Math.cos(3 * position) * -0.0025;
    velocity = clip(velocity, -0.07, 0.07);
    position = clip(position + velocity, -1.2, 0.6);
    if (position === -1.2 && velocity < 0) velocity = 0;
    [state[0], state[1]] = [position, velocity];
    return [-1, position >= 0.5 && velocity >= 0];
  },
  observe: float32s,
};

const CART_POLE = { gravity: 9.8, force: 10, tau: 0.02, pole: 0.1, length: 0.5, angle: (12 * 2 * Math.PI) / 360, position: 2.4 };

const cartPole = {
  step(state, action) {
    const { gravity, force, tau, pole, length, angle, position } = CART_POLE;
    const total = pole + 1, moment = pole * length;
    let [x, v, theta, omega] = state;
    const cos = Math.cos(theta), sin = Math.sin(theta);
    const push = ((action === 1 ? force : -force) + moment * (omega * omega) * sin) / total;
    const turn = (gravity * sin - cos * push) / (length * (4 / 3 - (pole * (cos * cos)) / total));
    const shift = push - (moment * turn * cos) / total;
    x += tau * v;
    v += tau * shift;
    theta += tau * omega;
    omega += tau * turn;
    [state[0], state[1], state[2], state[3]] = [x, v, theta, omega];
    return [1, x < -position || x > position || theta < -angle || theta > angle];
  },
  observe: float32s,
};

function acceleration(first, second, speed, other, torque) {
  const cos = Math.cos(second), sin = Math.sin(second), g = 9.8;
  const d1 = 0.25 + (1.25 + cos) + 2, d2 = 0.25 + 0.5 * cos + 1;
  const phi2 = 0.5 * g * Math.cos(first + second - Math.PI / 2);
  const phi1 = -0.5 * other * other * sin - other * speed * sin + 1.5 * g * Math.cos(first - Math.PI / 2) + phi2;
  const q = (torque + (d2 / d1) * phi1 - 0.5 * speed * speed * sin - phi2) / (1.25 - (d2 * d2) / d1);
  return [-(d2 * q + phi1) / d1, q];
}

function wrapped(angle) {
  while (angle > Math.PI) angle -= 2 * Math.PI;
  while (angle < -Math.PI) angle += 2 * Math.PI;
  return angle;
}

const acrobot = {
  step(state, action) {
    const torque = action - 1, dt = 0.2;
    const slope = ([a, b, u, v]) => [u, v, ...acceleration(a, b, u, v, torque)];
    const moved = (by, along) => state.map((value, n) => value + by * along[n]);
    const k1 = slope(state), k2 = slope(moved(dt / 2, k1)), k3 = slope(moved(dt / 2, k2)), k4 = slope(moved(dt, k3));
    const after = state.map((value, n) => value + (dt / 6) * (k1[n] + 2 * k2[n] + 2 * k3[n] + k4[n]));
    state[0] = wrapped(after[0]);
    state[1] = wrapped(after[1]);
    state[2] = clip(after[2], -4 * Math.PI, 4 * Math.PI);
    state[3] = clip(after[3], -9 * Math.PI, 9 * Math.PI);
    const terminated = -Math.cos(state[0]) - Math.cos(state[1] + state[0]) > 1;
    return [terminated ? 0 : -1, terminated];
  },
  observe: ([a, b, u, v]) => float32s([Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b), u, v]),
};

// Transition tables: the number of actions, the offset of each row (the first is the reset), then for each outcome its
// cumulative probability, next state, reward, and whether it terminates.
function ofTables(constants) {
  const [actions] = constants;
  function outcome(row, random) {
    const chance = random(), [begin, end] = [constants[1 + row], constants[2 + row]];
    for (let at = begin; at < end; at += 4) if (constants[at] > chance) return at;
    return begin;
  }
  return {
    step(state, action, random) {
      const at = outcome(1 + state[0] * actions + action, random);
      state[0] = constants[at + 1];
      return [constants[at + 2], constants[at + 3] !== 0];
    },
    observe: (state) => [...state],
    reset: (random) => [constants[outcome(0, random) + 1]],
  };
}

// numpy's generator PCG64: the numbers that Generator.random() returns from a state and an increment.
function pcg64(state, increment) {
  const mask = (1n << 128n) - 1n, low = (1n << 64n) - 1n, factor = 0x2360ed051fc65da44385df649fccf645n;
  let current = BigInt(state);
  const step = BigInt(increment);
  return () => {
    current = (current * factor + step) & mask;
    const turn = current >> 122n, mixed = (current >> 64n) ^ (current & low);
    const bits = ((mixed >> turn) | (mixed << ((64n - turn) & 63n))) & low;
    return Number(bits >> 11n) * 2 ** -53;
  };
}

// The cells of an observation on a grid, one per tiling, as environments/grid.py finds them.
function cellsOf(grid, seen) {
  const { low, scale, buckets, offsets, edges } = grid;
  if (offsets.length > 1) {
    return offsets.map((shifts, tiling) => buckets.reduce((cell, count, d) => {
      const x = clip((seen[d] - low[d]) * scale[d], 0, count) + shifts[d];
      return cell * (count + 1) + Math.trunc(x);
    }, tiling));
  }
  return [buckets.reduce((cell, count, d) => {
    if (edges) {
      let bucket = 0;
      while (bucket < count - 1 && seen[d] >= edges[d][bucket]) bucket += 1;
      return cell * count + bucket;
    }
    const x = (seen[d] - low[d]) * scale[d];
    return cell * count + (x >= count ? count - 1 : x < 0 ? 0 : Math.trunc(x));
  }, 0)];
}

// The values of all actions in cells of a table: summed over tilings, in their order.
function valuesIn(table, cells, actions) {
  return Array.from({ length: actions }, (_, action) =>
    cells.slice(1).reduce((sum, cell) => sum + table[cell * actions + action], table[cells[0] * actions + action]));
}

const greedyOf = (values) => values.indexOf(Math.max(...values));  // the first of equal ones

function worldOf(play) {
  return { MountainCar: mountainCar, CartPole: cartPole, Acrobot: acrobot }[play.world] ?? ofTables(play.constants);
}
