import { HttpError, check } from "./error";
import { Header, decodeHeaders } from "./headers";
import * as raw from "./raw";
import { StatusCode } from "./status";

const FIRST_SIZE: i32 = 4096;
const MAX_SIZE: i32 = 1 << 20; // What hosts allow is far below.
const PART_SIZE: i32 = 16384;

// A response whose body is still on its way. The caller closes it: nothing else does.
export class Response {
  private open: bool = true;
  private headers: Header[] | null = null;

  constructor(
    public status: StatusCode,
    private handle: u32
  ) {}

  // Waits for the next part of the body; the number of its bytes, 0 at the end. A body that breaks
  // off ends the module.
  bodyRead(buffer: ArrayBuffer): usize {
    const length = this.tryBodyRead(buffer);
    check("reading the body", length < 0 ? -length : HttpError.Success);
    return length;
  }

  // The same, but an error is given as its negative number.
  tryBodyRead(buffer: ArrayBuffer): i32 {
    if (!this.open) return -HttpError.InvalidHandle;
    const ret = new ArrayBuffer(4);
    const error = raw.bodyRead(
      this.handle,
      changetype<usize>(buffer),
      buffer.byteLength,
      changetype<usize>(ret)
    );
    return error != 0 ? -error : load<i32>(changetype<usize>(ret));
  }

  // The rest of the body.
  bodyReadAll(): Uint8Array {
    let whole = new Uint8Array(PART_SIZE);
    let used = 0;
    const part = new ArrayBuffer(PART_SIZE);
    let length = <i32>this.bodyRead(part);
    while (length > 0) {
      if (used + length > whole.length) {
        const grown = new Uint8Array(max(whole.length * 2, used + length));
        grown.set(whole);
        whole = grown;
      }
      memory.copy(whole.dataStart + used, changetype<usize>(part), length);
      used += length;
      length = <i32>this.bodyRead(part);
    }
    return whole.slice(0, used);
  }

  // The first value of a header, whatever the case of its name; "" if there is none.
  headerGet(name: string): string {
    if (!this.open) check("headerGet", HttpError.InvalidHandle);
    const key = String.UTF8.encode(name);
    const ret = new ArrayBuffer(4);
    let error = <i32>HttpError.BufferTooSmall;
    for (let size = FIRST_SIZE; size <= MAX_SIZE; size *= 2) {
      const value = new ArrayBuffer(size);
      error = raw.headerGet(
        this.handle,
        changetype<usize>(key),
        key.byteLength,
        changetype<usize>(value),
        size,
        changetype<usize>(ret)
      );
      if (error == HttpError.HeaderNotFound) return "";
      if (error == 0) {
        // Only what was written: the rest of the buffer is not the value's.
        return String.UTF8.decodeUnsafe(
          changetype<usize>(value),
          load<u32>(changetype<usize>(ret))
        );
      }
      if (error != HttpError.BufferTooSmall) break;
    }
    check("headerGet", error);
    return "";
  }

  // All values of a header, in the order in which they came.
  headerValues(name: string): string[] {
    const wanted = name.toLowerCase();
    const values: string[] = [];
    const all = this.all();
    for (let i = 0; i < all.length; i++) {
      if (all[i].name.toLowerCase() == wanted) values.push(all[i].value);
    }
    return values;
  }

  // All headers, names in lower case. Values of one name are joined by ", ", as HTTP has it;
  // headerValues has them one by one.
  headersGetAll(): Map<string, string> {
    const headers = new Map<string, string>();
    const all = this.all();
    for (let i = 0; i < all.length; i++) {
      const name = all[i].name.toLowerCase();
      const value = all[i].value;
      headers.set(name, headers.has(name) ? headers.get(name) + ", " + value : value);
    }
    return headers;
  }

  // The name that the package of 2021 had for it.
  headerGetAll(): Map<string, string> {
    return this.headersGetAll();
  }

  // Lets go of the response, read to its end or not; more than once is fine. Until then it counts
  // against the host's limit.
  close(): void {
    if (this.open) {
      raw.close(this.handle);
      this.open = false;
    }
  }

  private all(): Header[] {
    let headers = this.headers;
    if (headers === null) {
      if (!this.open) check("headersGetAll", HttpError.InvalidHandle);
      headers = decodeHeaders(this.block());
      this.headers = headers;
    }
    return headers;
  }

  // The host does not say how much it has, only that it was too much.
  private block(): string {
    const ret = new ArrayBuffer(4);
    let error = <i32>HttpError.BufferTooSmall;
    for (let size = FIRST_SIZE; size <= MAX_SIZE; size *= 2) {
      const block = new ArrayBuffer(size);
      error = raw.headersGetAll(
        this.handle,
        changetype<usize>(block),
        size,
        changetype<usize>(ret)
      );
      if (error == 0) {
        return String.UTF8.decodeUnsafe(
          changetype<usize>(block),
          load<u32>(changetype<usize>(ret))
        );
      }
      if (error != HttpError.BufferTooSmall) break;
    }
    check("headersGetAll", error);
    return "";
  }
}
