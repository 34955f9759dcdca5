/** A call of a handler: a request, whichever way a framework hands it over. */
export interface Call {
  readonly method: string
  /** The path as the client has it, with a prefix at which the app has mounted the handler. */
  readonly path: string
  readonly query: URLSearchParams
  /** The address at the other end of the connection; `undefined` where the host does not tell it. */
  readonly peer: string | undefined
  /** The version of HTTP; `undefined` where the host does not tell it. */
  readonly httpVersion: string | undefined
  /** The answer may be compressed. Next drops the header that says so, and compresses answers itself. */
  readonly mayEncode: boolean
  /** The request as the framework hands it to its handlers. */
  readonly request: unknown
  /** Reads a header, by its name in lower case. */
  header(name: string): string | undefined
  /** Reads the body. A body-parser of the app may have done so: then it is what that has made of it. @returns `undefined` for one of more than `most` bytes */
  body(most: number): Promise<unknown>
}

/** The origin that the URL of a request may begin with, its path, and its query. */
const parts = /^(?:[a-z][a-z\d+.-]*:\/\/[^/?#]*)?([^?#]*)(?:\?([^#]*))?/i

/** Splits a URL, or the part of it that Node has, into a path and a query. A client can send what is no URL, `//` for example: that has a path as well. */
export function splitUrl(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const [, path = '', query = ''] = parts.exec(url) ?? []
  return { path, query: new URLSearchParams(query) }
}
