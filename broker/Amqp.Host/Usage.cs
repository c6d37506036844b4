namespace Amqp.Host;

/// <summary>What <c>amqpd --help</c> prints.</summary>
internal static class Usage
{
    public const string Text = """
        amqpd: the message broker Warren

          amqpd [--Section:Option=value ...]

        Without options it listens for AMQP 0-9-1 on localhost:5672 and keeps its data in ./data.
        SIGTERM and Ctrl-C stop it gracefully.

        Options come from appsettings.json (of the working directory, or beside the program),
        then from the environment, then from the command line; appsettings.json documents them all.

          amqpd --Listeners:Amqp:Port=5673 --Storage:Directory=/var/lib/amqpd
          Listeners__Amqp__Port=5673 amqpd
        """;
}
