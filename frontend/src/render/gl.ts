/**
 * The renderer for machines with a GPU: WebGL2 with vertex pulling.
 *
 * No instancing and no vertex buffers: six vertices a drone, each of which fetches its drone from a texture. A frame is one
 * upload of 16 bytes a drone and two draw calls. Shapes are a small atlas of distances to the outlines of `sprite.ts`, so
 * that both renderers draw the same glyphs.
 */
import { packed, type Palette } from './palette';
import { dotPx, GLYPH_SIZES, orderOf } from './sizes';
import type { Renderer } from './renderer';
import { HOLLOW, LOOKS, type Scene } from './scene';
import { HALO_FROM_PX, HALO_PX, outlineDistance, SHAPES, STROKE_PX } from './sprite';

/** Drones a row of the texture that they are pulled from. */
const ROW = 1024;
const CELL_PX = 48;
/** Half the width of an atlas cell, and the largest distance it tells, in glyph radii. */
const REACH = 1.9;
const FAR = 0.9;

const FULL_SCREEN = `#version 300 es
out vec2 at;
void main() {
  at = vec2(gl_VertexID == 1 ? 2.0 : 0.0, gl_VertexID == 2 ? 2.0 : 0.0);
  gl_Position = vec4(at.x * 2.0 - 1.0, 1.0 - at.y * 2.0, 0.0, 1.0);
}`;
const PICTURE = `#version 300 es
precision mediump float;
uniform sampler2D picture;
in vec2 at;
out vec4 colour;
void main() { colour = texture(picture, at); }`;
const GLYPH = `#version 300 es
precision highp float;
uniform highp sampler2D drones;
uniform vec2 size;
uniform float radius;
uniform bool dot_;
uniform vec2 dots;
uniform vec3 colours[${LOOKS}];
out vec2 local;
flat out int shape;
flat out int hollow;
flat out vec3 tint;
void main() {
  int corner = gl_VertexID % 6;
  int slot = gl_VertexID / 6;
  vec4 drone = texelFetch(drones, ivec2(slot % ${ROW}, slot / ${ROW}), 0);
  int look = int(drone.w) & 15;
  shape = int(drone.w) >> 4;
  hollow = look & ${HOLLOW};
  tint = colours[look & 7];
  vec2 unit = vec2(corner == 1 || corner == 3 || corner == 4 ? 1.0 : -1.0, corner == 2 || corner == 4 || corner == 5 ? 1.0 : -1.0);
  vec2 offset;
  if (dot_) {
    bool urgent = (look & 7) == 3 || (look & 7) == 4;
    offset = unit * (urgent ? dots.y : dots.x) * 0.5;
    local = unit;
  } else {
    local = unit * ${REACH.toFixed(2)};
    float turn = drone.z * 6.283185307;
    offset = radius * vec2(local.x * cos(turn) + local.y * sin(turn), local.x * sin(turn) - local.y * cos(turn));
  }
  vec2 place = (drone.xy + offset) / size;
  gl_Position = vec4(place.x * 2.0 - 1.0, 1.0 - place.y * 2.0, 0.0, 1.0);
}`;
const INK = `#version 300 es
precision highp float;
uniform sampler2D atlas;
uniform float radius;
uniform bool dot_;
uniform vec3 ground;
in vec2 local;
flat in int shape;
flat in int hollow;
flat in vec3 tint;
out vec4 colour;
void main() {
  if (dot_) { colour = vec4(tint, 1.0); return; }
  vec2 cell = clamp(local / ${REACH.toFixed(2)} * 0.5 + 0.5, 0.5 / ${CELL_PX}.0, 1.0 - 0.5 / ${CELL_PX}.0);
  float told = texture(atlas, vec2((float(shape) + cell.x) / ${SHAPES.length}.0, cell.y)).r;
  float away = (told * 2.0 - 1.0) * ${FAR.toFixed(2)} * radius;
  float cover = clamp(hollow != 0 ? ${(0.5 + STROKE_PX / 2).toFixed(2)} - abs(away) : 0.5 - away, 0.0, 1.0);
  float halo = hollow == 0 && radius >= ${HALO_FROM_PX.toFixed(1)} ? clamp(${(0.5 + HALO_PX).toFixed(2)} - away, 0.0, 1.0) * 0.92 : 0.0;
  float alpha = cover + halo * (1.0 - cover);
  colour = vec4((tint * cover + ground * halo * (1.0 - cover)), alpha);
}`;

function compile(gl: WebGL2RenderingContext, vertex: string, fragment: string): WebGLProgram {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]] as const) {
    const shader = gl.createShader(kind);
    if (!shader) throw new Error('no shader');
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? 'shaders do not link');
  return program;
}

/** Distances to every outline, one cell a shape, 128 on the outline. */
function atlas(): Uint8Array<ArrayBuffer> {
  const width = SHAPES.length * CELL_PX;
  const cells = new Uint8Array(width * CELL_PX);
  for (let shape = 0; shape < SHAPES.length; shape++) {
    for (let y = 0; y < CELL_PX; y++) {
      for (let x = 0; x < CELL_PX; x++) {
        const [right, forward] = [((x + 0.5) / CELL_PX) * 2 - 1, ((y + 0.5) / CELL_PX) * 2 - 1];
        const away = outlineDistance(shape, right * REACH, forward * REACH);
        cells[y * width + shape * CELL_PX + x] = Math.round(Math.min(1, Math.max(0, away / FAR / 2 + 0.5)) * 255);
      }
    }
  }
  return cells;
}

const rgb = (hex: string): [number, number, number] => {
  const word = packed(hex);
  return [(word & 0xff) / 255, ((word >> 8) & 0xff) / 255, ((word >> 16) & 0xff) / 255];
};

export class GlRenderer implements Renderer {
  readonly name = 'webgl2';
  onlost: () => void = () => undefined;
  private readonly gl: WebGL2RenderingContext;
  private readonly picture: WebGLProgram;
  private readonly glyphs: WebGLProgram;
  private readonly textures: WebGLTexture[];
  private readonly at: Record<'size' | 'radius' | 'dot_' | 'dots' | 'colours' | 'ground', WebGLUniformLocation | null>;
  private rows = 0;
  private data = new Float32Array(0);
  private order = new Uint32Array(0);
  private ratio = 1;
  private palette: { colours: Float32Array; ground: [number, number, number] } = { colours: new Float32Array(LOOKS * 3), ground: [0, 0, 0] };
  private readonly lost = (event: Event): void => {
    event.preventDefault();
    this.onlost();
  };

  /** Throws when there is no WebGL2 here, or its shaders are refused. */
  constructor(readonly canvas: HTMLCanvasElement) {
    const gl = canvas.getContext('webgl2', { alpha: false, antialias: false, depth: false });
    if (!gl) throw new Error('no WebGL2');
    this.gl = gl;
    this.picture = compile(gl, FULL_SCREEN, PICTURE);
    this.glyphs = compile(gl, GLYPH, INK);
    this.textures = [gl.LINEAR, gl.NEAREST, gl.LINEAR].map((filter, unit) => this.texture(unit, filter));
    this.at = {
      size: gl.getUniformLocation(this.glyphs, 'size'), radius: gl.getUniformLocation(this.glyphs, 'radius'), dot_: gl.getUniformLocation(this.glyphs, 'dot_'), dots: gl.getUniformLocation(this.glyphs, 'dots'),
      colours: gl.getUniformLocation(this.glyphs, 'colours'), ground: gl.getUniformLocation(this.glyphs, 'ground'),
    };
    gl.useProgram(this.picture);
    gl.uniform1i(gl.getUniformLocation(this.picture, 'picture'), 0);
    gl.useProgram(this.glyphs);
    gl.uniform1i(gl.getUniformLocation(this.glyphs, 'drones'), 1);
    gl.uniform1i(gl.getUniformLocation(this.glyphs, 'atlas'), 2);
    gl.activeTexture(gl.TEXTURE2);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, SHAPES.length * CELL_PX, CELL_PX, 0, gl.RED, gl.UNSIGNED_BYTE, atlas());
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    canvas.addEventListener('webglcontextlost', this.lost);
  }

  private texture(unit: number, filter: number): WebGLTexture {
    const { gl } = this;
    const made = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, made);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, filter);
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
    return made;
  }

  resize(width: number, height: number, ratio: number): number {
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    return ratio;
  }

  setPalette(p: Palette): void {
    this.palette = { colours: Float32Array.from([p.drone, p.fg3, p.selected, p.caution, p.warning, p.fg3].flatMap(rgb)), ground: rgb(p.ground) };
  }

  setBackground(picture: ImageData): void {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, picture);
  }

  draw(scene: Scene): void {
    const { gl, canvas } = this;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.disable(gl.BLEND);
    gl.useProgram(this.picture);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    if (scene.count === 0) return;
    this.upload(scene);
    const glyph = GLYPH_SIZES[scene.size];
    gl.enable(gl.BLEND);
    gl.useProgram(this.glyphs);
    gl.uniform2f(this.at.size, canvas.width, canvas.height);
    gl.uniform1f(this.at.radius, glyph.radius * this.ratio);
    gl.uniform1i(this.at.dot_, glyph.dot ? 1 : 0);
    gl.uniform2f(this.at.dots, dotPx(glyph, false), dotPx(glyph, true));
    gl.uniform3fv(this.at.colours, this.palette.colours);
    gl.uniform3fv(this.at.ground, this.palette.ground);
    gl.drawArrays(gl.TRIANGLES, 0, scene.count * 6);
  }

  /** Attention last, so that a warning is never hidden under a healthy neighbour. */
  private upload(scene: Scene): void {
    const { gl, ratio } = this;
    const rows = Math.ceil(scene.count / ROW);
    gl.activeTexture(gl.TEXTURE1);
    if (rows > this.rows) {
      this.rows = rows;
      this.data = new Float32Array(rows * ROW * 4);
      this.order = new Uint32Array(rows * ROW);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, ROW, rows, 0, gl.RGBA, gl.FLOAT, null);
    }
    const { data, order } = this;
    orderOf(scene, order);
    for (let i = 0, at = 0; i < scene.count; i++, at += 4) {
      const slot = order[i];
      data[at] = scene.x[slot] * ratio;
      data[at + 1] = scene.y[slot] * ratio;
      data[at + 2] = scene.heading[slot] / 65536;
      data[at + 3] = scene.look[slot] | ((scene.shape[slot] % SHAPES.length) << 4);
    }
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, ROW, rows, gl.RGBA, gl.FLOAT, data.subarray(0, rows * ROW * 4));
  }

  dispose(): void {
    const { gl } = this;
    this.canvas.removeEventListener('webglcontextlost', this.lost);
    for (const texture of this.textures) gl.deleteTexture(texture);
    for (const program of [this.picture, this.glyphs]) gl.deleteProgram(program);
  }
}
