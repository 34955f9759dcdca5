import { after, type NextRequest, NextResponse } from 'next/server'

export function middleware(_request: NextRequest): Response {
  after(() => {
    throw new Error('on the edge')
  })
  return NextResponse.next()
}

export const config = { matcher: '/t/proxied' }
