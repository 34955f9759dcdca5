import type { IncomingMessage, ServerResponse } from 'node:http'

/** Handlers by path. On HTTP/2 they get the compatibility API's request and response. */
export type Handlers = Readonly<Record<string, (req: IncomingMessage, res: ServerResponse) => unknown>>
