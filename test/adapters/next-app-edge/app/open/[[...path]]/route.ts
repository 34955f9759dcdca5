import { dashboard } from 'afterword/dashboard'

// Next hands a route the request alone: nobody can tell who asks.
const handler = dashboard()

export const GET = (request: Request) => handler(request)
