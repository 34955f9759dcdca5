import { Stage } from 'afterword/testing'
import { response } from '../../../../response.ts'

const stage = new Stage(String(process.env.CONTROL), process.env.MARKS)

export async function GET(request: Request): Promise<Response> {
  return response(await stage.play(new URL(request.url).pathname))
}
