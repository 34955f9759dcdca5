import { defer } from 'afterword'

export const dynamic = 'force-dynamic'

export function GET(): Response {
  defer(() => {})
  return Response.json({ ok: true })
}
