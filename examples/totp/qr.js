// A picture with a QR code → its text (ISO/IEC 18004), for browsers that do not read them by themselves. It reads codes
// as screens show them, at any size and turned any way; not those that a camera saw from the side. Pure.

const LEVELS = ["M", "L", "H", "Q"]; // as the format's two bits say them
const MOST_VERSION = 20;
// For versions 1 to 20, by level: codewords of error correction in a block, and blocks (table 9 of the standard).
const CORRECTION = {
  L: [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28],
  M: [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26],
  Q: [13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30],
  H: [17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28],
};
const BLOCKS = {
  L: [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8],
  M: [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16],
  Q: [1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20],
  H: [1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25],
};
const MASKS = [
  (r, c) => (r + c) % 2, (r) => r % 2, (r, c) => c % 3, (r, c) => (r + c) % 3, (r, c) => ((r >> 1) + Math.floor(c / 3)) % 2,
  (r, c) => ((r * c) % 2) + ((r * c) % 3), (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2, (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2,
];
const SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/** The text of the QR code in an ImageData; null where none can be read. */
export function textInPicture(picture) {
  const isDark = darkOf(picture);
  const corners = cornersIn(findersIn(picture, isDark));
  for (const { topLeft, topRight, bottomLeft, unit } of corners) {
    const guess = Math.round((distance(topLeft, topRight) + distance(topLeft, bottomLeft)) / 2 / unit + 7);
    const version = Math.round((guess - 17) / 4);
    for (const tried of [version, version - 1, version + 1]) {
      if (tried < 1 || tried > MOST_VERSION) continue;
      const text = read(tried, sampled(17 + 4 * tried, topLeft, topRight, bottomLeft, isDark));
      if (text !== null) return text;
    }
  }
  return null;
}

// -- where it is -----------------------------------------------------------------------------------------------------

/** Whether a pixel is dark: darker than halfway between the darkest and the lightest. What is transparent is white. */
function darkOf({ width, height, data }) {
  const light = new Float32Array(width * height);
  let least = 255, most = 0;
  for (let at = 0; at < light.length; at++) {
    const lit = 0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2];
    const value = 255 - ((255 - lit) * data[4 * at + 3]) / 255;
    light[at] = value;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  const half = (least + most) / 2;
  return (x, y) => x >= 0 && y >= 0 && x < width && y < height && light[Math.floor(y) * width + Math.floor(x)] < half;
}

/** The middles of what looks like a corner's square: dark, light, dark, light, dark as 1:1:3:1:1, across and down. */
function findersIn({ width, height }, isDark) {
  const found = [];
  for (let y = 0; y < height; y++) {
    const runs = [];
    for (let x = 0, begin = 0; x < width; x = begin) {
      const dark = isDark(x, y);
      while (begin < width && isDark(begin, y) === dark) begin++;
      runs.push({ dark, x, length: begin - x });
    }
    for (let at = 0; at + 5 <= runs.length; at++) {
      const five = runs.slice(at, at + 5);
      if (!five[0].dark || !isFinder(five.map((run) => run.length))) continue;
      const x = five[2].x + five[2].length / 2;
      const down = across(isDark, x, y + 0.5, 0, 1);
      if (!down) continue;
      const back = across(isDark, x, down.middle, 1, 0);
      if (!back) continue;
      add(found, { x: back.middle, y: down.middle, unit: (down.unit + back.unit) / 2 });
    }
  }
  return found;
}

function isFinder(lengths) {
  const unit = lengths.reduce((sum, each) => sum + each, 0) / 7;
  return unit >= 1 && lengths.every((each, at) => Math.abs(each - unit * (at === 2 ? 3 : 1)) <= unit * (at === 2 ? 1.2 : 0.7));
}

/** The five runs through a point, in one direction: their middle and the size of a module; null where they do not fit. */
function across(isDark, x, y, stepX, stepY) {
  const run = (at, sign, dark, most) => {
    let length = 0;
    while (length < most && isDark(x + stepX * sign * (at + length), y + stepY * sign * (at + length)) === dark) length++;
    return length;
  };
  const sides = [-1, 1].map((sign) => {
    const lengths = [];
    let at = sign < 0 ? 1 : 0;
    for (const dark of [true, false, true]) {
      const length = run(at, sign, dark, 4000);
      lengths.push(length);
      at += length;
    }
    return lengths;
  });
  const [[inner, gap, outer], [otherInner, otherGap, otherOuter]] = sides;
  if (!isFinder([outer, gap, inner + otherInner, otherGap, otherOuter])) return null;
  const start = (stepX ? x : y) - inner;
  return { middle: Math.floor(start) + (inner + otherInner) / 2, unit: (outer + gap + inner + otherInner + otherGap + otherOuter) / 7 };
}

function add(found, one) {
  const same = found.find((each) => distance(each, one) < 2 * each.unit);
  if (!same) found.push({ ...one, seen: 1 });
  else {
    for (const key of ["x", "y", "unit"]) same[key] = (same[key] * same.seen + one[key]) / (same.seen + 1);
    same.seen++;
  }
}

const distance = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);

/** Three squares that can be the corners of one code, the best first; which is which is told by the angles. */
function cornersIn(found) {
  const best = found.toSorted((one, other) => other.seen - one.seen).slice(0, 12), ways = [];
  for (const topLeft of best) {
    for (const topRight of best) {
      for (const bottomLeft of best) {
        if (new Set([topLeft, topRight, bottomLeft]).size < 3) continue;
        const across = { x: topRight.x - topLeft.x, y: topRight.y - topLeft.y };
        const down = { x: bottomLeft.x - topLeft.x, y: bottomLeft.y - topLeft.y };
        const sizes = [Math.hypot(across.x, across.y), Math.hypot(down.x, down.y)];
        const turn = (across.x * down.y - across.y * down.x) / (sizes[0] * sizes[1]); // 1 for a right angle, clockwise
        const skew = Math.abs(sizes[0] - sizes[1]) / Math.max(...sizes) + (1 - turn);
        if (skew > 0.2) continue;
        // Modules of a code that is turned are wider along a row of pixels than they are.
        const lean = Math.max(Math.abs(across.x), Math.abs(across.y)) / sizes[0];
        ways.push({ topLeft, topRight, bottomLeft, skew, unit: ((topLeft.unit + topRight.unit + bottomLeft.unit) / 3) * lean });
      }
    }
  }
  return ways.sort((one, other) => one.skew - other.skew);
}

/** The modules of a code of this size, as they are in the middle of each. */
function sampled(size, topLeft, topRight, bottomLeft, isDark) {
  const step = (from, to) => ({ x: (to.x - from.x) / (size - 7), y: (to.y - from.y) / (size - 7) });
  const right = step(topLeft, topRight), down = step(topLeft, bottomLeft);
  return (row, column) => Number(isDark(
    topLeft.x + right.x * (column - 3) + down.x * (row - 3),
    topLeft.y + right.y * (column - 3) + down.y * (row - 3),
  ));
}

// -- what it says ----------------------------------------------------------------------------------------------------

function read(version, module) {
  const format = formatOf(17 + 4 * version, module);
  if (!format) return null;
  const data = corrected(codewords(version, module, MASKS[format.mask]), version, format.level);
  return data && textOf(data, version);
}

/** Level and mask, out of the fifteen bits beside the first corner or of those beside the other two. */
function formatOf(size, module) {
  const first = [], second = [];
  for (let at = 0; at < 15; at++) {
    first.push(at < 6 ? module(8, at) : at === 6 ? module(8, 7) : at === 7 ? module(8, 8) : at === 8 ? module(7, 8) : module(14 - at, 8));
    second.push(at < 7 ? module(size - 1 - at, 8) : module(8, size - 15 + at));
  }
  for (const bits of [first, second]) {
    const seen = bits.reduce((sum, bit) => sum * 2 + bit, 0);
    for (let value = 0; value < 32; value++) {
      let rest = value;
      for (let at = 0; at < 10; at++) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
      const wrong = seen ^ (((value << 10) | rest) ^ 0x5412);
      if (wrong.toString(2).replaceAll("0", "").length <= 3) return { level: LEVELS[value >> 3], mask: value & 7 };
    }
  }
  return null;
}

/** The bytes in the order in which they are written: in columns of two, up and down, around what is no data. */
function codewords(version, module, mask) {
  const size = 17 + 4 * version, taken = fixed(version), bits = [];
  for (let right = size - 1, up = true; right >= 1; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let at = 0; at < size; at++) {
      const row = up ? size - 1 - at : at;
      for (const column of [right, right - 1]) {
        if (!taken(row, column)) bits.push(module(row, column) ^ (mask(row, column) === 0));
      }
    }
  }
  const bytes = [];
  for (let at = 0; at + 8 <= bits.length; at += 8) bytes.push(bits.slice(at, at + 8).reduce((sum, bit) => sum * 2 + bit, 0));
  return bytes;
}

/** Whether a module is a pattern, or says format or version. */
function fixed(version) {
  const size = 17 + 4 * version, middles = [];
  if (version > 1) {
    const count = Math.floor(version / 7) + 2;
    const step = 2 * Math.ceil((size - 13) / (2 * count - 2));
    for (let at = count - 1, place = size - 7; at > 0; at--, place -= step) middles.unshift(place);
    middles.unshift(6);
  }
  const last = middles.length - 1;
  const isAligned = (row, column) => middles.some((y, i) => middles.some((x, j) =>
    !((i === 0 && (j === 0 || j === last)) || (i === last && j === 0)) && Math.abs(row - y) <= 2 && Math.abs(column - x) <= 2));
  return (row, column) =>
    (row <= 8 && (column <= 8 || column >= size - 8)) || (row >= size - 8 && column <= 8) || row === 6 || column === 6 ||
    (version >= 7 && ((row < 6 && column >= size - 11) || (column < 6 && row >= size - 11))) || isAligned(row, column);
}

/** The data of all blocks, mended; null where too much of one is wrong. */
function corrected(bytes, version, level) {
  const count = BLOCKS[level][version - 1], checks = CORRECTION[level][version - 1];
  const short = Math.floor(bytes.length / count) - checks, long = bytes.length % count;
  const blocks = Array.from({ length: count }, () => []);
  let next = 0;
  for (let at = 0; at <= short; at++) {
    blocks.forEach((block, index) => { if (at < short || index >= count - long) block.push(bytes[next++]); });
  }
  for (let at = 0; at < checks; at++) for (const block of blocks) block.push(bytes[next++]);
  return blocks.every((block) => mend(block, checks)) ? blocks.flatMap((block) => block.slice(0, block.length - checks)) : null;
}

function textOf(data, version) {
  const bits = data.map((byte) => byte.toString(2).padStart(8, "0")).join("");
  let at = 0, text = "";
  const take = (count) => parseInt(bits.slice(at, (at += count)) || "0", 2);
  const wide = (small, large) => take(version < 10 ? small : large);
  while (at + 4 <= bits.length) {
    const mode = take(4);
    if (mode === 0) break;
    if (mode === 1) {
      for (let left = wide(10, 12); left > 0; left -= 3) text += String(take([0, 4, 7][left] ?? 10)).padStart(Math.min(left, 3), "0");
    } else if (mode === 2) {
      for (let left = wide(9, 11); left > 0; left -= 2) {
        const pair = take(left === 1 ? 6 : 11);
        text += left === 1 ? SIGNS[pair] : SIGNS[Math.floor(pair / 45)] + SIGNS[pair % 45];
      }
    } else if (mode === 4) {
      text += textOfBytes(Uint8Array.from({ length: wide(8, 16) }, () => take(8)));
    } else if (mode === 7) {
      if (take(1)) take(take(1) ? 21 : 14); // which alphabet the bytes are of
      else take(7);
    } else return null;
  }
  return text;
}

/** UTF-8, which is what anybody means, or else Latin-1, which is what the standard says. */
function textOfBytes(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}

// -- Reed and Solomon ------------------------------------------------------------------------------------------------

const POWERS = [1], LOGS = [];
for (let at = 0; at < 255; at++) {
  LOGS[POWERS[at]] = at;
  POWERS[at + 1] = (POWERS[at] << 1) ^ (POWERS[at] > 127 ? 0x11d : 0);
}
const times = (one, other) => (one && other ? POWERS[(LOGS[one] + LOGS[other]) % 255] : 0);
const over = (one, other) => (one ? POWERS[(LOGS[one] - LOGS[other] + 255) % 255] : 0);
/** A polynomial, its constant first, at a point. */
const valueAt = (terms, point) => terms.reduceRight((sum, term) => times(sum, point) ^ term, 0);

/** Set the bytes that are wrong right, at most half as many as there are checks; whether that is so. */
function mend(block, checks) {
  const length = block.length;
  const signs = () => Array.from({ length: checks }, (_, at) => valueAt(block.toReversed(), POWERS[at]));
  const seen = signs();
  if (seen.every((each) => each === 0)) return true;
  let locator = [1], before = [1], wrong = 0, gap = 1, last = 1; // Berlekamp and Massey
  for (let at = 0; at < checks; at++) {
    let off = seen[at];
    for (let each = 1; each <= wrong; each++) off ^= times(locator[each] ?? 0, seen[at - each]);
    if (off === 0) {
      gap++;
      continue;
    }
    const shifted = [...Array(gap).fill(0), ...before.map((term) => times(term, over(off, last)))];
    const now = Array.from({ length: Math.max(locator.length, shifted.length) }, (_, each) => (locator[each] ?? 0) ^ (shifted[each] ?? 0));
    if (2 * wrong <= at) {
      [before, wrong, last, gap] = [locator, at + 1 - wrong, off, 1];
    } else gap++;
    locator = now;
  }
  if (2 * wrong > checks) return false;
  const evaluator = Array.from({ length: checks }, (_, at) =>
    locator.reduce((sum, term, each) => sum ^ (each <= at ? times(term, seen[at - each]) : 0), 0));
  const slope = locator.map((term, at) => (at % 2 ? term : 0)).slice(1); // the derivative, where one and one are none
  let mended = 0;
  for (let place = 0; place < length; place++) {
    const inverse = POWERS[(255 - place) % 255];
    if (valueAt(locator, inverse) !== 0) continue;
    block[length - 1 - place] ^= times(POWERS[place], over(valueAt(evaluator, inverse), valueAt(slope, inverse)));
    mended++;
  }
  return mended === wrong && signs().every((each) => each === 0);
}
