import { fileDescriptorSetBase64 } from '../gen/descriptors.js';

/** A google.protobuf.FileDescriptorSet of all our services and messages, for server reflection. */
export const fileDescriptorSet: Uint8Array = Buffer.from(fileDescriptorSetBase64, 'base64');
