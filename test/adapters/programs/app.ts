import { createRequire } from 'node:module'
import type express from 'express'
import { attach } from '../../../src/adapters/node-http.ts'
import { createServer } from '../../support/servers.ts'

// What the programs with an Express or Connect app share.

export type Framework = 'express' | 'express-4' | 'connect'

/** Express 4 comes without types of its own: what is used here it shares with Express 5. */
export function load(framework: string | undefined): typeof express {
  return createRequire(import.meta.url)(framework as Framework)
}

/** The server of an app, with what opens its scopes besides a middleware. */
export async function createAppServer(protocol: string | undefined, app: object, entries: readonly string[]) {
  if (entries.includes('auto')) await import('../../../src/adapters/auto.ts')
  const server = createServer(protocol, app as never)
  if (entries.includes('attach')) attach(server)
  return server
}
