// The tags (field number * 8 + wire type) of a PipeResponse and of what is in it.

// PipeResponse { repeated PipeResult results = 1; repeated ResponseHeader headers = 2 }
export const RESULT = 0x0a;
export const HEADER = 0x12;
// PipeResult { uint64 id = 1; uint64 header = 2; oneof { Error error = 3; WriteResult write = 4; GetResult get = 5 } }
export const RESULT_ID = 0x08;
export const RESULT_HEADER = 0x10;
export const RESULT_ERROR = 0x1a;
export const RESULT_WRITE = 0x22;
export const RESULT_GET = 0x2a;
// WriteResult { uint64 revision = 1; bool result_not_kept = 2; bool compare_failed = 3;
//   uint64 previous_revision = 4; bytes previous_value = 5; bytes result = 6 }
export const WRITE_REVISION = 0x08;
export const WRITE_RESULT_NOT_KEPT = 0x10;
export const WRITE_COMPARE_FAILED = 0x18;
export const WRITE_PREVIOUS_REVISION = 0x20;
export const WRITE_PREVIOUS_VALUE = 0x2a;
export const WRITE_OPERATION_RESULT = 0x32;
// GetResult { bool found = 1; bytes value = 2; uint64 revision = 3; uint64 expires_at = 4 }
export const GET_FOUND = 0x08;
export const GET_VALUE = 0x12;
export const GET_REVISION = 0x18;
export const GET_EXPIRES_AT = 0x20;

/** Header index of a result that has no header: beyond every possible list. */
export const NO_HEADER = 16_383;
