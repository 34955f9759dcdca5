import { BadRequestException, Body, Controller, Post } from '@nestjs/common'
import { Afterword } from 'afterword'
import { SendWelcome, track } from './jobs'

@Controller('signup')
export class SignupController {
  constructor(private readonly afterword: Afterword) {}

  @Post() // answers 201
  signUp(@Body('email') email?: string) {
    if (!email?.includes('@')) throw new BadRequestException('No e-mail address')
    SendWelcome.defer(email)
    this.afterword.defer(track, 'signup', email) // the injected instance: defer of 'afterword' is the same
    return { email }
  }
}
