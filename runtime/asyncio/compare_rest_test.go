package asyncio

var waitPrograms = map[string]func(s *script){}
var lockPrograms = map[string]func(s *script){}
var asyncGenPrograms = map[string]func(s *script){}
var realPrograms = map[string]func(s *script){}
