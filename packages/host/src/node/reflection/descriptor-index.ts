import { eachField, text } from './wire.js';

// google/protobuf/descriptor.proto: FileDescriptorSet.file = 1; FileDescriptorProto { name = 1; package = 2;
// dependency = 3; message_type = 4; enum_type = 5; service = 6 }; DescriptorProto { name = 1; field = 2;
// nested_type = 3; enum_type = 4 }; ServiceDescriptorProto and EnumDescriptorProto { name = 1; method/value = 2 }.

interface DescribedFile {
  readonly bytes: Uint8Array;
  readonly dependencies: readonly string[];
}

/** Which file of a FileDescriptorSet declares what. */
export class DescriptorIndex {
  readonly #files = new Map<string, DescribedFile>();
  readonly #fileOfSymbol = new Map<string, string>();
  readonly #serves: (service: string) => boolean;
  /** Full names, in the order of the set. */
  readonly services: string[] = [];

  /** @param serves - which services are listed; what they are made of is there in any case */
  constructor(fileDescriptorSet: Uint8Array, serves: (service: string) => boolean = () => true) {
    this.#serves = serves;
    eachField(fileDescriptorSet, (number, value) => {
      if (number === 1) this.#addFile(value.slice());
    });
  }

  /** The file and, after it, all files that it needs; undefined if it is not in the set. */
  filesByName(name: string): Uint8Array[] | undefined {
    if (!this.#files.has(name)) return undefined;
    const result = new Map<string, Uint8Array>();
    const add = (wanted: string): void => {
      const file = this.#files.get(wanted);
      if (file === undefined || result.has(wanted)) return;
      result.set(wanted, file.bytes);
      for (const dependency of file.dependencies) add(dependency);
    };
    add(name);
    return [...result.values()];
  }

  /** As {@link filesByName}, of the file that declares a service, method, message or enum. */
  filesBySymbol(symbol: string): Uint8Array[] | undefined {
    const name = this.#fileOfSymbol.get(symbol);
    return name === undefined ? undefined : this.filesByName(name);
  }

  #addFile(bytes: Uint8Array): void {
    let name = '';
    let prefix = '';
    const dependencies: string[] = [];
    const symbols: string[] = [];
    eachField(bytes, (number, value) => {
      if (number === 1) name = text(value);
      else if (number === 2) prefix = `${text(value)}.`;
      else if (number === 3) dependencies.push(text(value));
    });
    eachField(bytes, (number, value) => {
      if (number === 4) collectMessage(value, prefix, symbols);
      else if (number === 5) symbols.push(prefix + nameOf(value));
      else if (number === 6) this.#collectService(value, prefix, symbols);
    });
    this.#files.set(name, { bytes, dependencies });
    for (const symbol of symbols) this.#fileOfSymbol.set(symbol, name);
  }

  #collectService(bytes: Uint8Array, prefix: string, symbols: string[]): void {
    const service = prefix + nameOf(bytes);
    if (this.#serves(service)) this.services.push(service);
    symbols.push(service);
    eachField(bytes, (number, value) => {
      if (number === 2) symbols.push(`${service}.${nameOf(value)}`);
    });
  }
}

function collectMessage(bytes: Uint8Array, prefix: string, symbols: string[]): void {
  const message = prefix + nameOf(bytes);
  symbols.push(message);
  eachField(bytes, (number, value) => {
    if (number === 3) collectMessage(value, `${message}.`, symbols);
    else if (number === 4) symbols.push(`${message}.${nameOf(value)}`);
  });
}

function nameOf(bytes: Uint8Array): string {
  let name = '';
  eachField(bytes, (number, value) => {
    if (number === 1) name = text(value);
  });
  return name;
}
