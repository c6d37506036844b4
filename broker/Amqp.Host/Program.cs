using Amqp.Broker;
using Amqp.Host;
using Amqp.Host.Listeners;
using Amqp.Host.Options;
using Amqp.Host.Sockets;
using Amqp.Storage;

switch (args)
{
    case ["--help" or "-h" or "-?"]:
        Console.WriteLine(Usage.Text);
        return 0;
    case ["--version"]:
        Console.WriteLine($"amqpd {NodeIdentity.OwnVersion}");
        return 0;
}

SocketThreads.CallInline();

// What an operator can mend is told in one line; anything else is a defect and keeps its stack trace.
try
{
    await using var server = await Server.Start(args);
    return await server.Run();
}
catch (Exception exception) when (exception is OptionsException or StorageException or ListenException)
{
    await Console.Error.WriteLineAsync($"amqpd cannot start: {exception.Message}");
    return 1;
}
