/** A pad to draw a digit on, and the 8 by 8 pixels that the model gets of it. */

const SIZE = 256;
const CELLS = 8;
const BLOCK = 4; // scans of 32 by 32 pixels were counted in blocks of 4 by 4
const STEP = 8;

/** Draws, and tells of every change. */
export class Pad {
  #canvas;
  #cursor;
  #drawing;
  #onChange;
  #at = { x: SIZE / 2, y: SIZE / 2 };
  #isDown = false;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} cursor Shown where keys draw.
   * @param {() => void} onChange
   */
  constructor(canvas, cursor, onChange) {
    this.#canvas = canvas;
    this.#cursor = cursor;
    this.#onChange = onChange;
    const drawing = canvas.getContext("2d", { willReadFrequently: true });
    if (!drawing) throw new Error("this browser cannot draw");
    this.#drawing = drawing;
    drawing.lineWidth = 22;
    drawing.lineCap = drawing.lineJoin = "round";
    this.clear();
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel", "blur"]) {
      canvas.addEventListener(kind, () => (this.#isDown = false));
    }
    canvas.addEventListener("keydown", (event) => this.#key(event, true));
    canvas.addEventListener("keyup", (event) => this.#key(event, false));
  }

  clear() {
    this.#drawing.fillStyle = "#fff";
    this.#drawing.fillRect(0, 0, SIZE, SIZE);
    this.#onChange();
  }

  /** Whether there is nothing on it. */
  get isEmpty() {
    return !this.#box();
  }

  /** 64 numbers from 0 to 16: how many dark pixels are in each block of the scaled drawing. */
  pixels() {
    const pixels = new Float32Array(CELLS * CELLS);
    const box = this.#box();
    if (!box) return pixels;
    const scaled = new OffscreenCanvas(CELLS * BLOCK, CELLS * BLOCK);
    const drawing = scaled.getContext("2d");
    if (!drawing) return pixels;
    drawing.fillStyle = "#fff";
    drawing.fillRect(0, 0, scaled.width, scaled.height);
    const factor = scaled.height / Math.max(box.width, box.height);
    const width = box.width * factor;
    const height = box.height * factor;
    drawing.imageSmoothingQuality = "high";
    drawing.drawImage(
      this.#canvas,
      ...[box.x, box.y, box.width, box.height],
      ...[(scaled.width - width) / 2, (scaled.height - height) / 2, width, height],
    );
    const { data } = drawing.getImageData(0, 0, scaled.width, scaled.height);
    for (let place = 0; place < data.length / 4; place += 1) {
      const column = Math.floor((place % scaled.width) / BLOCK);
      const row = Math.floor(place / scaled.width / BLOCK);
      pixels[row * CELLS + column] += data[4 * place] < 160 ? 1 : 0;
    }
    return pixels;
  }

  /** Where the drawing is. */
  #box() {
    const { data } = this.#drawing.getImageData(0, 0, SIZE, SIZE);
    let [left, top, right, bottom] = [SIZE, SIZE, -1, -1];
    for (let place = 0; place < SIZE * SIZE; place += 1) {
      if (data[4 * place] > 200) continue;
      const x = place % SIZE;
      const y = (place - x) / SIZE;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
    if (right < 0) return undefined;
    return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#isDown = true;
    this.#at = this.#place(event);
    this.#line(this.#at);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (this.#isDown) this.#line(this.#place(event));
  }

  /**
   * @param {KeyboardEvent} event
   * @param {boolean} pressed
   */
  #key(event, pressed) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (event.key === " ") {
      this.#isDown = pressed;
      if (pressed) this.#line(this.#at);
    } else if (event.key === "Delete" && pressed) {
      this.clear();
    } else if (step && pressed) {
      const to = { x: inside(this.#at.x + step[0] * STEP), y: inside(this.#at.y + step[1] * STEP) };
      if (this.#isDown) this.#line(to);
      else this.#moveTo(to);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** @param {{x: number, y: number}} to */
  #line(to) {
    this.#drawing.strokeStyle = "#111";
    this.#drawing.beginPath();
    this.#drawing.moveTo(this.#at.x, this.#at.y);
    this.#drawing.lineTo(to.x, to.y);
    this.#drawing.stroke();
    this.#moveTo(to);
    this.#onChange();
  }

  /** @param {{x: number, y: number}} to */
  #moveTo(to) {
    this.#at = to;
    this.#cursor.style.left = `${(100 * to.x) / SIZE}%`;
    this.#cursor.style.top = `${(100 * to.y) / SIZE}%`;
  }

  /** @param {PointerEvent} event */
  #place(event) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - left) / width) * SIZE,
      y: ((event.clientY - top) / height) * SIZE,
    };
  }
}

/** @param {number} place */
function inside(place) {
  return Math.min(Math.max(place, 0), SIZE);
}
