// One client that wants to know where the drones are, by one of several ways; prints what it cost and how old its knowledge was.
//
//   node fresh-client.mjs --modules FOLDER --url URL --way poll|json|binary|delta [--error-m 0.01] [--deflate] [--rate-hz 25] [--seconds 8]

import { Agent, get } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    modules: { type: 'string' }, url: { type: 'string' }, way: { type: 'string' },
    'error-m': { type: 'string' }, deflate: { type: 'boolean', default: false },
    'rate-hz': { type: 'string', default: '25' }, seconds: { type: 'string', default: '8' },
  },
});
const [rate, seconds] = [Number(values['rate-hz']), Number(values.seconds)];
const now = () => performance.timeOrigin + performance.now();

/** When news came, and of when they were; both Unix time in ms. */
const arrivals = [];
const learn = (sentMs) => arrivals.push({ at: now(), sentMs });
const beganMs = now();

const traffic = values.way === 'poll' ? await poll() : await subscribe();
await sleep(1000);
const [from, before] = [now(), traffic()];
await sleep(seconds * 1000);
const [to, after] = [now(), traffic()];
console.log(JSON.stringify({ bytes_per_s: (1000 * (after - before)) / (to - from), ...ages(from, to), first_ms: arrivals[0].at - beganMs, news_per_s: arrivals.filter(({ at }) => at > from).length / seconds }));
process.exit(0);

/** Asks again and again over one connection that stays open; a question waits for the answer to the one before. */
async function poll() {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let connection;
  const ask = () => new Promise((resolve, reject) => {
    get(`${values.url}/api/drones`, { agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
        learn(JSON.parse(Buffer.concat(chunks)).wall_time_ms);
        resolve();
      });
    }).on('socket', (socket) => { connection = socket; }).on('error', reject);
  });
  await ask();
  (async () => {
    for (let due = now() + Math.random() * (1000 / rate); ; due = Math.max(due + 1000 / rate, now())) {
      await sleep(Math.max(0, due - now()));
      await ask();
    }
  })();
  return () => connection.bytesRead + connection.bytesWritten;
}

/** Lets the server send each tick. */
async function subscribe() {
  const { io } = createRequire(path.resolve(values.modules, 'package.json'))('socket.io-client');
  const socket = io(values.url, { transports: ['websocket'], reconnection: false, perMessageDeflate: values.deflate });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
  const ask = (event, payload) => socket.timeout(5000).emitWithAck(event, payload);
  await ask('unsubscribe', { topics: ['status-update', 'visualization-update'] });
  const error = values['error-m'] ? { error_m: Number(values['error-m']) } : {};
  // Before subscribing: of changes the first frame is the one that stands alone.
  const follow = changes();
  socket.on('drones-update', (frame) => {
    if (values.way === 'json' && !Buffer.isBuffer(frame)) learn(frame.wall_time_ms);
    if (values.way === 'binary' && Buffer.isBuffer(frame)) learn(frame.readDoubleLE(24));
    if (values.way === 'delta' && Buffer.isBuffer(frame)) learn(follow(frame));
  });
  const { topics } = await ask('subscribe', { topics: { 'drones-update': { encoding: values.way, rate_hz: rate, ...error } } });
  if (topics['drones-update'].encoding !== values.way) throw new Error(`the server does not speak ${values.way}`);
  const connection = socket.io.engine.transport.ws._socket;
  return () => connection.bytesRead + connection.bytesWritten;
}

/** Reads the heads of frames of changes: when each was made. One that is missing ends the measurement. */
function changes() {
  let [chain, seq, timeMs] = [NaN, NaN, NaN];
  return (frame) => {
    let at = 3;
    const varint = () => {
      let value = 0;
      for (let scale = 1; ; scale *= 128) {
        const byte = frame[at++];
        value += (byte & 0x7f) * scale;
        if (byte < 0x80) return value;
      }
    };
    const [ofChain, ofSeq, third, , fifth] = Array.from({ length: 5 }, varint);
    if (frame[2] & 1) timeMs = fifth;
    else if (ofChain !== chain || ofSeq - third !== seq) throw new Error(`frame ${ofSeq} does not follow ${seq}`);
    else timeMs += fifth & 1 ? -(fifth + 1) / 2 : fifth / 2;
    [chain, seq] = [ofChain, ofSeq];
    return timeMs;
  };
}

/** How old the newest news was, looked at every millisecond. */
function ages(from, to) {
  const found = [];
  let last = 0;
  for (let at = from; at < to; at += 1) {
    while (arrivals[last + 1]?.at <= at) last += 1;
    found.push(at - arrivals[last].sentMs);
  }
  found.sort((a, b) => a - b);
  const quantile = (q) => found[Math.min(found.length - 1, Math.floor(q * found.length))];
  return { age_p50_ms: quantile(0.5), age_p99_ms: quantile(0.99), age_max_ms: found.at(-1) };
}
