import { dashboard } from 'afterword/dashboard'

const handler = dashboard<Request>({
  authorize: (request) => (request.headers.get('x-admin') === 'ada' ? { role: 'write', actor: 'ada' } : false),
})

export const GET = (request: Request) => handler(request)
export const POST = (request: Request) => handler(request)
