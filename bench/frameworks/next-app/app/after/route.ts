import { after } from 'next/server'

export const dynamic = 'force-dynamic'

export function GET(): Response {
  after(() => {})
  return Response.json({ ok: true })
}
