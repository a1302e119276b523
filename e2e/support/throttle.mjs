// A narrow link: a TCP proxy that lets so many bytes a second through towards the client, all connections together.

import { connect, createServer } from 'node:net';
import { sleep } from './process.mjs';

/** One packet of an Ethernet: connections take turns by packets. */
const PACKET_BYTES = 1460;
/** What a router keeps for one connection; beyond it the sender waits. */
const WAITING_BYTES = 8 * PACKET_BYTES;

/** A link to `port`, for the test `t`: its `url`, and how many `bytes` went towards the client so far. */
export async function throttle(t, port, bytesPerSecond) {
  const flows = new Set();
  const link = { bytes: 0, bytesPerSecond, url: '' };
  let open = true;
  const proxy = createServer((client) => {
    const server = connect({ port, host: '127.0.0.1' });
    const flow = { client, server, waiting: [], bytes: 0 };
    flows.add(flow);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.pipe(server);
    server.on('data', (chunk) => {
      flow.waiting.push(chunk);
      flow.bytes += chunk.length;
      if (flow.bytes >= WAITING_BYTES) server.pause();
    });
    server.on('end', () => { flow.ended = true; });
    const drop = () => { flows.delete(flow); client.destroy(); server.destroy(); };
    for (const socket of [client, server]) socket.on('error', drop);
    client.on('close', drop);
  });
  const pump = async () => {
    for (let free = performance.now(); open;) {
      let sent = 0;
      for (const flow of [...flows]) sent += passOn(flow);
      link.bytes += sent;
      free = Math.max(free, performance.now() - 50) + (1000 * sent) / link.bytesPerSecond;
      await sleep(Math.max(1, free - performance.now()));
    }
  };
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  link.url = `http://127.0.0.1:${proxy.address().port}`;
  void pump();
  t.after(() => { open = false; proxy.close(); for (const { client, server } of flows) { client.destroy(); server.destroy(); } });
  return link;
}

/** Sends one packet of what waits; how many bytes it had. */
function passOn(flow) {
  const [first] = flow.waiting;
  if (!first) {
    if (flow.ended) flow.client.end();
    return 0;
  }
  const packet = first.subarray(0, PACKET_BYTES);
  if (packet.length === first.length) flow.waiting.shift();
  else flow.waiting[0] = first.subarray(PACKET_BYTES);
  flow.bytes -= packet.length;
  if (flow.bytes < WAITING_BYTES) flow.server.resume();
  flow.client.write(packet);
  return packet.length;
}
