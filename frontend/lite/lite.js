// A console that needs no build: canvas, counts, age, Hold, Return, Stop all. Also a reference client of the protocol.
import { io } from './vendor/socket.io.esm.min.js';

/** The server's root, wherever this page lies: it may be served at /lite/ or as the first page. */
const root = new URL(/\/lite\/[^/]*$/.test(location.pathname) ? '../' : './', location.href);
const token = new URLSearchParams(location.hash.slice(1)).get('token');
const el = (id) => document.getElementById(id);
const canvas = el('map');
const draw = canvas.getContext('2d');

const HEADER = 64;
const RECORD = 16;
const HOLD_MS = 600;
const LATE_MS = 250;
const DELAYED_MS = 1000;
const LOST_MS = 3000;

let table = null; // {epoch, drones: [{id, type, group}]}
let frame = null;
let welcome = null;
let status = null;
let selected = null; // a drone's id
let offsetMs = 0; // server clock minus ours
let offsetFloor = -Infinity;
let view = null; // {e, n, zoom} or null: everything
let undrawn = [];

/** One binary frame, or null if anything about it is wrong. Layout: docs/PROTOCOL.md. */
export function decode(data) {
  if (!(data instanceof ArrayBuffer) || data.byteLength < HEADER) return null;
  const h = new DataView(data);
  const count = h.getUint32(56, true);
  if (h.getUint32(0, true) !== 0x53524d48 || h.getUint16(4, true) !== 1 || h.getUint16(6, true) !== RECORD) return null;
  if (data.byteLength !== HEADER + count * RECORD) return null;
  const f = {
    epoch: h.getUint32(8, true), seq: h.getUint32(12, true), timeMs: h.getFloat64(24, true), simS: h.getFloat64(32, true),
    e: h.getFloat32(40, true), n: h.getFloat32(44, true), scale: h.getFloat32(52, true), count, flags: h.getUint32(60, true),
    i16: new Int16Array(data, HEADER), u16: new Uint16Array(data, HEADER), u8: new Uint8Array(data, HEADER),
  };
  return Number.isFinite(f.timeMs) && Number.isFinite(f.simS) && f.scale > 0 ? f : null;
}

const socket = io(root.origin, {
  path: new URL('socket.io/', root).pathname,
  auth: token ? { token } : {},
  transports: ['websocket', 'polling'],
  tryAllTransports: true,
  reconnectionDelayMax: 5000,
});

socket.on('connect', () => {
  table = null;
  undrawn = [];
  offsetFloor = -Infinity;
  socket.emit('subscribe', { topics: { 'drones-update': { encoding: 'binary', rate_hz: 12.5, in_flight_max: 2 }, 'status-update': { rate_hz: 5 }, 'visualization-update': { rate_hz: 0.5 } } }, () => {});
  measureClock();
});
socket.on('connect_error', (error) => say(error.message));
socket.on('welcome', (w) => {
  welcome = { ...welcome, ...w };
  el('scenario').textContent = w?.scenario?.title ?? w?.scenario?.name ?? '';
});
socket.on('drones-table', (t) => (table = t));
socket.on('status-update', (s) => (status = s));
socket.on('drones-update', (data) => {
  const next = decode(data);
  undrawn.push(next?.seq ?? 0);
  if (!next || next.epoch !== table?.epoch || next.count !== table.drones.length) {
    if (data instanceof ArrayBuffer) socket.emit('keyframe');
    return;
  }
  frame = next;
  offsetFloor = Math.max(offsetFloor, frame.timeMs - Date.now());
});
socket.on('command-update', (u) => {
  if (u?.done) say(`${u.command}: ${summary(u.results)}`);
});

/** The server's clock from one round trip, so that a stream delayed as a whole does not look fresh. */
async function measureClock() {
  try {
    const asked = Date.now();
    const answer = await fetch(new URL('api/status', root), { cache: 'no-store', headers: token ? { authorization: `Bearer ${token}` } : {} });
    const body = await answer.json();
    if (body.state === 'running') offsetMs = body.wall_time_ms - (asked + Date.now()) / 2;
  } catch {
    // Frames alone have to do.
  }
}

const ageMs = () => (frame ? Math.max(0, Date.now() + Math.max(offsetMs || -Infinity, offsetFloor) - frame.timeMs) : NaN);
const say = (text) => (el('said').textContent = text);

function summary(results) {
  const counts = {};
  for (const r of Object.values(results ?? {})) counts[r.result] = (counts[r.result] ?? 0) + 1;
  return Object.entries(counts).map(([name, n]) => `${n} ${name.replaceAll('_', ' ')}`).join(', ') || 'done';
}

function linkState() {
  if (!socket.connected) return 'lost';
  const halted = status && status.state !== 'running';
  const age = ageMs();
  if (Number.isNaN(age)) return 'connecting';
  if (halted || age < LATE_MS) return 'live';
  return age < DELAYED_MS ? 'late' : age < LOST_MS ? 'delayed' : 'lost';
}

/** The same id goes over HTTP when Socket.IO does not answer: the server executes it once. */
async function send(command, targets, words) {
  const id = crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
  const body = { command_id: id, command, targets };
  say(`${words}: sent`);
  let ack = null;
  if (socket.connected) ack = await socket.timeout(2000).emitWithAck('command', body).catch(() => null);
  try {
    ack ??= await (await fetch(new URL('api/command', root), { method: 'POST', headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) }, body: JSON.stringify(body) })).json();
    say(ack.ok ? `${words}: ${summary(ack.results)}` : `${words}: ${ack.error?.message ?? 'refused'}`);
  } catch {
    say(`${words}: not sent, no connection`);
  }
}

/** Makes a button act after being held, by pointer or by keyboard. */
function onHold(button, act) {
  let timer = 0;
  const begin = () => {
    if (timer || button.disabled) return;
    button.classList.add('held');
    timer = setTimeout(() => { end(); act(); }, HOLD_MS);
  };
  const end = () => {
    clearTimeout(timer);
    timer = 0;
    button.classList.remove('held');
  };
  button.addEventListener('pointerdown', begin);
  for (const name of ['pointerup', 'pointerleave', 'pointercancel', 'keyup', 'blur']) button.addEventListener(name, end);
  button.addEventListener('keydown', (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); begin(); } });
}
const targets = () => (selected ? [selected] : 'all');
// Holding position harms nobody: that button acts at once.
el('hold').addEventListener('click', () => send('hold', targets(), selected ? `Hold ${selected}` : 'Hold all'));
onHold(el('rtl'), () => send('rtl', targets(), selected ? `Return ${selected}` : 'Return all'));
// Stop all means: every drone stops and stays in the air. Motors are never cut from this page.
onHold(el('stop'), () => send('hold', 'all', 'Stop all'));

const east = (i) => frame.e + frame.i16[i * 8] * frame.scale;
const north = (i) => frame.n + frame.i16[i * 8 + 1] * frame.scale;

function fitted(width, height) {
  let [e0, n0, e1, n1] = [Infinity, Infinity, -Infinity, -Infinity];
  const take = (e, n) => { e0 = Math.min(e0, e); e1 = Math.max(e1, e); n0 = Math.min(n0, n); n1 = Math.max(n1, n); };
  for (let i = 0; i < frame.count; i++) take(east(i), north(i));
  for (const fence of welcome?.fences ?? []) for (const [e, n] of fence.polygon ?? []) take(e, n);
  if (e0 > e1) return { e: 0, n: 0, zoom: 4 };
  return { e: (e0 + e1) / 2, n: (n0 + n1) / 2, zoom: Math.min((width - 60) / Math.max(60, e1 - e0), (height - 60) / Math.max(60, n1 - n0)) };
}

function paint() {
  requestAnimationFrame(paint);
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue(`--${name}`).trim();
  const ratio = Math.min(2, devicePixelRatio || 1);
  const [w, h] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  draw.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw.fillStyle = colour('ground');
  draw.fillRect(0, 0, w, h);
  const state = linkState();
  if (frame && table) {
    // The view is found once and kept: a map that breathes with the swarm shows no motion.
    view ??= fitted(w, h);
    const [x, y] = [(e) => (e - view.e) * view.zoom + w / 2, (n) => (view.n - n) * view.zoom + h / 2];
    ground(x, y, colour);
    drones(x, y, colour, state);
  }
  for (const seq of undrawn) socket.emit('frame-ack', { seq });
  undrawn = [];
  words(state);
}

function ground(x, y, colour) {
  draw.lineWidth = 1;
  draw.setLineDash([8, 6]);
  for (const fence of welcome?.fences ?? []) {
    draw.beginPath();
    for (const [e, n] of fence.polygon ?? []) draw.lineTo(x(e), y(n));
    draw.closePath();
    draw.strokeStyle = colour(fence.kind === 'keep_out' ? 'caution' : 'edge');
    draw.stroke();
  }
  draw.setLineDash([]);
  draw.fillStyle = colour('line');
  for (const o of welcome?.obstacles ?? []) {
    draw.beginPath();
    if (o.size) draw.rect(x(o.center[0] - o.size[0] / 2), y(o.center[1] + o.size[1] / 2), o.size[0] * view.zoom, o.size[1] * view.zoom);
    else draw.arc(x(o.center[0]), y(o.center[1]), (o.radius ?? 1) * view.zoom, 0, 7);
    draw.fill();
  }
}

function drones(x, y, colour, state) {
  const small = frame.count > 2000;
  const groups = { landed: [], drone: [], selected: [], caution: [], warning: [] };
  for (let i = 0; i < frame.count; i++) {
    const flags = frame.u16[i * 8 + 5];
    const alert = (flags >> 3) & 7;
    const kind = alert >= 3 || frame.u8[i * 16 + 8] === 8 ? 'warning' : alert === 2 || frame.u8[i * 16 + 12] > 25 ? 'caution' : table.drones[i].id === selected ? 'selected' : (flags & 3) === 0 ? 'landed' : 'drone';
    groups[kind].push(i);
  }
  for (const [kind, list] of Object.entries(groups)) {
    draw.fillStyle = draw.strokeStyle = colour(state === 'lost' ? 'edge' : kind);
    draw.beginPath();
    for (const i of list) {
      const [px, py] = [x(east(i)), y(north(i))];
      if (small) { draw.rect(px - 1.5, py - 1.5, 3, 3); continue; }
      const a = (frame.u16[i * 8 + 3] / 65536) * 2 * Math.PI;
      const at = (turn, r) => [px + r * Math.sin(a + turn), py - r * Math.cos(a + turn)];
      draw.moveTo(...at(0, 8));
      draw.lineTo(...at(2.5, 7));
      draw.lineTo(...at(Math.PI, 3));
      draw.lineTo(...at(-2.5, 7));
      draw.closePath();
    }
    if (state === 'lost' || state === 'delayed') draw.stroke();
    else draw.fill();
  }
}

function words(state) {
  const age = ageMs();
  const old = Number.isNaN(age) ? '' : age < 1000 ? `${Math.round(age)} ms` : `${(age / 1000).toFixed(1)} s`;
  const text = { connecting: 'Connecting', live: `Live ${old}`, late: `Late ${old}`, delayed: `Delayed ${old}`, lost: `Connection lost${old ? `, last data ${old} ago` : ''}` }[state];
  const halted = status && status.state !== 'running' && state !== 'lost' ? `, ${status.state}` : '';
  if (el('link').textContent !== text + halted) el('link').textContent = text + halted;
  el('link').className = state;
  const s = Math.floor(frame?.simS ?? 0);
  el('clock').textContent = frame ? [s / 3600, (s / 60) % 60, s % 60].map((v) => String(Math.floor(v)).padStart(2, '0')).join(':') : '';
  const alerts = status?.metrics?.alerts ?? {};
  el('counts').textContent = frame ? [`${frame.count} drones`, alerts.caution ? `${alerts.caution} caution` : '', alerts.warning ? `${alerts.warning} warning` : '', selected ?? ''].filter(Boolean).join(', ') : '';
  const off = state === 'lost' || state === 'connecting' || welcome?.role === 'viewer';
  el('hold').disabled = el('rtl').disabled = off;
  el('hold').textContent = selected ? 'Hold' : 'Hold all';
  el('rtl').textContent = selected ? 'Return' : 'Return all';
}

canvas.addEventListener('click', (event) => {
  if (!frame || !table || !view) return;
  const box = canvas.getBoundingClientRect();
  const [cx, cy] = [event.clientX - box.left, event.clientY - box.top];
  let nearest = 24 ** 2;
  selected = null;
  for (let i = 0; i < frame.count; i++) {
    const d = ((east(i) - view.e) * view.zoom + box.width / 2 - cx) ** 2 + ((view.n - north(i)) * view.zoom + box.height / 2 - cy) ** 2;
    if (d < nearest) [nearest, selected] = [d, table.drones[i].id];
  }
});
canvas.addEventListener('wheel', (event) => {
  event.preventDefault();
  if (view) view = { ...view, zoom: Math.min(200, Math.max(0.002, view.zoom * 1.0015 ** -event.deltaY)) };
}, { passive: false });
addEventListener('resize', () => (view = null));

paint();
