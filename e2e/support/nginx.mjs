// The project's nginx.conf in a real nginx, before servers on this machine.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, own, until } from './process.mjs';
import { root } from './server.mjs';

const nginx = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx'].find(existsSync) ?? 'nginx';

/** Replaces `from`, which must be there: a test of another file than the one that is shipped would prove nothing. */
function replace(text, from, to) {
  if (!text.includes(from)) throw new Error(`nginx.conf has no ${JSON.stringify(from)}`);
  return text.replaceAll(from, to);
}

/**
 * nginx with nginx.conf, on a free loopback port: only places and addresses are changed. `servers` are those behind it,
 * the first known as `backend`, the second as `backend-2`. With `tls`, deploy/tls.conf is there too, with a certificate
 * made for the test. `under` is a command that runs it.
 */
export async function startNginx({ t, servers, console: files = join(root, 'frontend', 'dist'), tls = false, under = [] }) {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const dir = mkdtempSync(join(tmpdir(), 'hmrs-nginx-'));
  mkdirSync(join(dir, 'tls'));
  let text = readFileSync(join(root, 'nginx.conf'), 'utf8');
  text = replace(text, '/tmp/', `${dir}/`);
  text = replace(text, 'listen 8080 default_server', `listen 127.0.0.1:${port} default_server`);
  text = replace(text, '/usr/share/nginx/html', files);
  text = replace(text, '/etc/nginx/tls', join(dir, 'tls'));
  text = replace(text, 'backend-2:5000', `127.0.0.1:${(servers[1] ?? servers[0]).port}`);
  text = replace(text, 'backend:5000', `127.0.0.1:${servers[0].port}`);
  text = replace(text, '/dev/stdout', join(dir, 'access.log'));
  text = replace(text, '/dev/stderr', join(dir, 'error.log'));
  text = replace(text, 'worker_processes auto', 'worker_processes 1');
  // As root nginx would hand its work to a user who may not read the folders of this test.
  if (process.getuid() === 0) text = `user root;\n${text}`;
  if (tls) {
    const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', join(dir, 'tls', 'tls.key'), '-out', join(dir, 'tls', 'tls.crt')]);
    if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`);
    const snippet = replace(readFileSync(join(root, 'deploy', 'tls.conf'), 'utf8'), '/etc/nginx/tls', join(dir, 'tls'));
    writeFileSync(join(dir, 'tls', 'tls.conf'), replace(snippet, 'listen 8443 ssl', `listen 127.0.0.1:${tlsPort} ssl`));
  }
  const file = join(dir, 'nginx.conf');
  writeFileSync(file, text);
  const [program, ...args] = [...under, nginx, '-c', file, '-p', dir, '-e', join(dir, 'error.log'), '-g', 'daemon off;'];
  const child = own(spawn(program, args, { stdio: 'ignore' }));
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const log = (name) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '');
  t.after(async () => {
    child.kill('SIGTERM');
    await exited;
    rmSync(dir, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}`;
  await Promise.race([
    until('nginx answers', async () => (await fetch(`${url}/nginx-health`)).ok),
    exited.then((code) => { throw new Error(`nginx ended at start (${code}):\n${log('error.log')}`); }),
  ]);
  return { url, port, tlsUrl: `https://127.0.0.1:${tlsPort}`, certificate: tls ? readFileSync(join(dir, 'tls', 'tls.crt')) : undefined, log };
}
