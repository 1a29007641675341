// The tags (field number * 8 + wire type) of a PipeRequest and of what is in it.

// PipeRequest { first_id = 1; cluster_id = 2; repeated PipeItem items = 3; repeated uint64 cancel_ids = 4 }
export const FIRST_ID = 0x08;
export const CLUSTER_ID = 0x12;
export const ITEM = 0x1a;
export const CANCEL_ID = 0x20;
export const CANCEL_IDS_PACKED = 0x22;
// PipeItem { timeout_ms = 1; partition_id = 2; epoch_version = 3; resend = 4; oneof { command = 5; get = 6 } }
export const ITEM_TIMEOUT_MS = 0x08;
export const ITEM_PARTITION_ID = 0x10;
export const ITEM_EPOCH_VERSION = 0x18;
export const ITEM_RESEND = 0x20;
export const ITEM_COMMAND = 0x2a;
export const ITEM_GET = 0x32;
// GetItem { bytes key = 1; Consistency consistency = 2; uint64 revision = 3; uint64 max_age_ms = 4 }
export const GET_KEY = 0x0a;
export const GET_CONSISTENCY = 0x10;
export const GET_AT_REVISION = 0x18;
export const GET_MAX_AGE_MS = 0x20;
