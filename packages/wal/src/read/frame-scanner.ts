import { crc32 } from '@dougdb/ports';
import {
  align,
  claimedDirectoryLength,
  decodeFrameHead,
  FRAME_ALIGNMENT,
  FRAME_HEADER_BYTES,
  type FrameHead,
  frameBytes,
  isFrameMagic,
} from '../format.js';
import type { ByteWindow } from './byte-window.js';

/** Gives the seed of a head at an offset: HeadSeed.at of the format. */
export interface Seeds {
  at(offset: number): number;
}

export type ScanStep =
  | ScannedFrame
  /** No frame can be made out in [from, to). `last`: nor behind it. */
  | { readonly kind: 'damage'; readonly from: number; readonly to: number; readonly last: boolean }
  /** Nothing but zeros from here on. */
  | { readonly kind: 'end'; readonly at: number };

/** A frame whose head and directory are whole. */
export interface ScannedFrame {
  readonly kind: 'frame';
  readonly offset: number;
  readonly head: FrameHead;
  readonly sizeBytes: number;
  /** False: the payload is not what was written. */
  readonly payloadWhole: boolean;
  /** The frame's bytes, valid until the next step. */
  readonly bytes: Uint8Array;
}

/**
 * Walks through the frames of a file. Where a head is damaged, and with it the length of its frame, it
 * searches on for the next place where magic and headCrc agree: the headCrc is seeded with the place, so
 * bytes of a frame inside a payload are not taken for one.
 */
export class FrameScanner {
  readonly #window: ByteWindow;
  readonly #seeds: Seeds;
  readonly #checkPayload: boolean;
  #at: number;
  #damagedFrom = -1;

  constructor(window: ByteWindow, seeds: Seeds, from: number, checkPayload: boolean) {
    this.#window = window;
    this.#seeds = seeds;
    this.#at = from;
    this.#checkPayload = checkPayload;
  }

  next(): ScanStep {
    const frame = this.#frameAt(this.#at);
    if (frame !== null) {
      this.#at += frame.sizeBytes;
      this.#damagedFrom = -1;
      return frame;
    }
    if (this.#damagedFrom === this.#at) return { kind: 'end', at: this.#at };
    const from = this.#at;
    const found = this.#search(from + FRAME_ALIGNMENT);
    if (found >= 0) {
      this.#at = found;
      return { kind: 'damage', from, to: found, last: false };
    }
    const to = this.#window.contentEnd(from);
    if (to === from) return { kind: 'end', at: from };
    // The next step ends here.
    this.#at = align(to);
    this.#damagedFrom = this.#at;
    return { kind: 'damage', from, to, last: true };
  }

  #frameAt(offset: number): ScannedFrame | null {
    const window = this.#window;
    let at = window.seek(offset, FRAME_HEADER_BYTES);
    if (at < 0) return null;
    const directoryLength = claimedDirectoryLength(window.bytes, at);
    if (directoryLength < 0) return null;
    at = window.seek(offset, FRAME_HEADER_BYTES + directoryLength);
    if (at < 0) return null;
    const head = decodeFrameHead(window.bytes, at, this.#seeds.at(offset));
    if (head === null) return null;
    const sizeBytes = frameBytes(directoryLength, head.payloadLength);
    // A RecordLog's file may end inside the padding of nothing: only whole frames are written.
    at = window.seek(offset, sizeBytes);
    if (at < 0) return null;
    const bytes = window.bytes.subarray(at, at + sizeBytes);
    const payloadStart = FRAME_HEADER_BYTES + directoryLength;
    const payloadEnd = payloadStart + head.payloadLength;
    const payloadWhole =
      !this.#checkPayload || crc32(bytes, 0, payloadStart, payloadEnd) === head.payloadCrc;
    return { kind: 'frame', offset, head, sizeBytes, payloadWhole, bytes };
  }

  /** The first offset from here on at which a frame stands, or -1. */
  #search(from: number): number {
    const window = this.#window;
    for (let offset = from; offset + FRAME_HEADER_BYTES <= window.sizeBytes; ) {
      const at = window.seek(offset, FRAME_HEADER_BYTES);
      const { bytes } = window;
      let next = at;
      while (next + FRAME_HEADER_BYTES <= bytes.length && !isFrameMagic(bytes, next)) {
        next += FRAME_ALIGNMENT;
      }
      offset += next - at;
      if (next + FRAME_HEADER_BYTES > bytes.length) continue;
      if (this.#frameAt(offset) !== null) return offset;
      offset += FRAME_ALIGNMENT;
    }
    return -1;
  }
}
