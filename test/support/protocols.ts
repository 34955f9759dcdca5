import type { NodeVersion } from '../../tools/nodes.ts'

export const protocols = ['HTTP/1.1', 'HTTPS', 'h2c', 'h2'] as const
export type Protocol = (typeof protocols)[number]

export interface Host {
  readonly protocol: Protocol
  readonly node: NodeVersion
}

/** Every protocol on every version of Node. */
export const hosts: readonly Host[] = ([22, 24, 26] as const).flatMap((node) =>
  protocols.map((protocol) => ({ protocol, node })),
)

export function isHttp2({ protocol }: Pick<Host, 'protocol'>): boolean {
  return protocol === 'h2c' || protocol === 'h2'
}

export const http1Hosts = hosts.filter((host) => !isHttp2(host))
export const http2Hosts = hosts.filter(isHttp2)
