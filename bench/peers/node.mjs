// The official server on Node, as it comes.
//
//   node node.mjs --modules FOLDER --port P [--drones D] [--rate-hz 25] [--volatile] [--binary] [--deflate]

import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    drones: { type: 'string', default: '0' },
    'rate-hz': { type: 'string', default: '25' },
    volatile: { type: 'boolean', default: false },
    binary: { type: 'boolean', default: false }, // an attachment of 16 bytes a drone instead of JSON
    deflate: { type: 'boolean', default: false }, // permessage-deflate, which is off as it comes
    modules: { type: 'string' },
  },
});
// Installed outside this folder.
const load = createRequire(join(values.modules, 'package.json'));
const { Server } = load('socket.io');

const io = new Server({ serveClient: false, perMessageDeflate: values.deflate });
const server = createServer();
io.attach(server);
server.listen({ host: '127.0.0.1', port: Number(values.port), backlog: 4096 });

const drones = Array.from({ length: Number(values.drones) }, (_, at) => ({
  id: `drone-${at}`, position: [at + 0.25, at + 0.5, 10.75], velocity: [1.25, -0.5, 0.25], heading_deg: 90.5, mode: 'hold',
}));
if (drones.length > 0) {
  const tick = 1000 / Number(values['rate-hz']);
  const to = values.volatile ? io.volatile : io;
  let [seq, due] = [0, performance.now()];
  const now = () => performance.timeOrigin + performance.now();
  /** Number and time at their places, and room for the drones. */
  const attachment = () => {
    const bytes = Buffer.alloc(64 + 16 * drones.length);
    bytes.write('HMRS');
    bytes.writeUInt32LE(++seq, 12);
    bytes.writeDoubleLE(now(), 24);
    return bytes;
  };
  const broadcast = () => {
    to.emit('drones-update', values.binary ? attachment() : { seq: ++seq, wall_time_ms: now(), drones });
    // Ticks that were missed are left out.
    due = Math.max(due + tick, performance.now());
    setTimeout(broadcast, due - performance.now());
  };
  broadcast();
}
