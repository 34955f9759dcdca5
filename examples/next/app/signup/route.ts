import { after } from 'next/server'
import { SendWelcome } from '../jobs'

/** For programs: `curl -d address=ada@example.org localhost:3000/signup`. */
export async function POST(request: Request): Promise<Response> {
  const address = String((await request.formData()).get('address'))
  SendWelcome.defer(address)
  after(() => console.log(`counted ${address}`))
  return Response.json({ address }, { status: 201 })
}
