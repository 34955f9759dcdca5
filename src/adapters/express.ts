import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { instance } from '../instance.ts'
import { enter, type NodeServer } from './node-http.ts'
import { NodeIntake } from './node-intake.ts'

/** A middleware of Connect, Express 4 or Express 5. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/** Opens a scope for each request: `app.use(afterword())`, before the routes that defer. */
export function afterword(): Middleware {
  return (req, res, next) => {
    const { server } = req.socket as Socket & { server?: NodeServer }
    if (server !== undefined) NodeIntake.watch(server, instance())
    enter(instance(), req, res, next)
  }
}
