import '../../../src/adapters/auto.ts'
import type { IncomingMessage } from 'node:http'
import { initTRPC } from '@trpc/server'
import { createHTTPServer } from '@trpc/server/adapters/standalone'
import { serve, witness } from '../../support/stage.ts'

// The standalone server of tRPC.
const t = initTRPC.context<{ req: IncomingMessage }>().create()
const router = t.router({
  user: t.router({
    signUp: t.procedure
      .input((value) => {
        if (typeof value !== 'string') throw new TypeError('expected an address')
        return value
      })
      .mutation(({ ctx, input }) => {
        witness(ctx.req)
        return input
      }),
  }),
})
serve(createHTTPServer({ router, createContext: ({ req }) => ({ req }) }))
