import { randomUUID } from 'node:crypto'

export const dynamic = 'force-static'

export function GET(): Response {
  return new Response(randomUUID())
}
