import { asBuffer, fileDescriptorSet, type RawMethod } from '@dougdb/rpc-proto/node';
import { type handleBidiStreamingCall, type Server, status } from '@grpc/grpc-js';
import { DescriptorIndex } from './descriptor-index.js';
import { eachField, encodeField, encodeNumber, text } from './wire.js';

// grpc.reflection.v1.ServerReflectionRequest { host = 1; oneof { file_by_filename = 3; file_containing_symbol = 4;
// file_containing_extension = 5; all_extension_numbers_of_type = 6; list_services = 7 } }
const REQUEST_HOST = 1;
const FILE_BY_FILENAME = 3;
const FILE_CONTAINING_SYMBOL = 4;
const LIST_SERVICES = 7;
// ServerReflectionResponse { valid_host = 1; original_request = 2; oneof { file_descriptor_response = 4;
// list_services_response = 6; error_response = 7 } }
const VALID_HOST = 1;
const ORIGINAL_REQUEST = 2;
const FILE_DESCRIPTOR_RESPONSE = 4;
const LIST_SERVICES_RESPONSE = 6;
const ERROR_RESPONSE = 7;

/**
 * Adds grpc.reflection, both versions in use, over the descriptors of our own services.
 * @param serves - whether the server has a service of ours, by its full name
 */
export function addReflection(server: Server, serves: (service: string) => boolean): void {
  const index = new DescriptorIndex(fileDescriptorSet, serves);
  const serve: handleBidiStreamingCall<Uint8Array, Uint8Array> = (call) => {
    call.on('data', (request: Uint8Array) => {
      try {
        call.write(reflect(index, request));
      } catch {
        const details = 'malformed reflection request';
        call.emit('error', { code: status.INVALID_ARGUMENT, details });
      }
    });
    call.on('end', () => call.end());
  };
  for (const version of ['v1', 'v1alpha']) {
    server.addService(
      { serverReflectionInfo: definition(version) },
      { serverReflectionInfo: serve },
    );
  }
}

/** Answers one encoded ServerReflectionRequest. @throws RangeError for garbage */
export function reflect(index: DescriptorIndex, request: Uint8Array): Uint8Array {
  let host: Uint8Array = new Uint8Array(0);
  let answer = errorResponse(status.UNIMPLEMENTED, 'extensions are not used here');
  eachField(request, (number, value) => {
    if (number === REQUEST_HOST) host = value;
    else if (number === FILE_BY_FILENAME) {
      answer = fileResponse(index.filesByName(text(value)), text(value));
    } else if (number === FILE_CONTAINING_SYMBOL) {
      answer = fileResponse(index.filesBySymbol(text(value)), text(value));
    } else if (number === LIST_SERVICES) {
      const names = index.services.map((name) => encodeField(1, encodeField(1, name)));
      answer = encodeField(LIST_SERVICES_RESPONSE, Buffer.concat(names));
    }
  });
  return Buffer.concat([
    encodeField(VALID_HOST, host),
    encodeField(ORIGINAL_REQUEST, request),
    answer,
  ]);
}

function fileResponse(files: readonly Uint8Array[] | undefined, wanted: string): Uint8Array {
  if (files === undefined) return errorResponse(status.NOT_FOUND, `nothing known of ${wanted}`);
  const encoded = files.map((file) => encodeField(1, file));
  return encodeField(FILE_DESCRIPTOR_RESPONSE, Buffer.concat(encoded));
}

function errorResponse(code: number, message: string): Uint8Array {
  return encodeField(
    ERROR_RESPONSE,
    Buffer.concat([encodeNumber(1, code), encodeField(2, message)]),
  );
}

function definition(version: string): RawMethod {
  return {
    path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    requestStream: true,
    responseStream: true,
    requestSerialize: asBuffer,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: asBuffer,
    responseDeserialize: (bytes) => bytes,
  };
}
