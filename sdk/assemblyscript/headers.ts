// Headers travel as lines of `NAME:VALUE\n`, in both directions.

export class Header {
  constructor(
    public name: string,
    public value: string
  ) {}
}

// What could end a line or a name must not be in it; whether the rest is fit for HTTP is the
// host's to say.
function isName(name: string): bool {
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c <= 0x20 || c == 0x3a || c == 0x7f) return false;
  }
  return name.length > 0;
}

function isValue(value: string): bool {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if ((c < 0x20 && c != 0x09) || c == 0x7f) return false;
  }
  return true;
}

// null if one of them cannot be sent.
export function encodeHeaders(headers: Map<string, string>): string | null {
  const names = headers.keys();
  let lines = "";
  for (let i = 0; i < names.length; i++) {
    const value = headers.get(names[i]);
    if (!isName(names[i]) || !isValue(value)) return null;
    lines += names[i] + ":" + value + "\n";
  }
  return lines;
}

// Some hosts send a blank after the colon, some end lines with CR and LF.
export function decodeHeaders(lines: string): Header[] {
  const headers: Header[] = [];
  const parts = lines.split("\n");
  for (let i = 0; i < parts.length; i++) {
    const colon = parts[i].indexOf(":");
    if (colon > 0) {
      headers.push(new Header(parts[i].substring(0, colon), parts[i].substring(colon + 1).trim()));
    }
  }
  return headers;
}
