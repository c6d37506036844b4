using System.Net;
using Amqp.Demos;
using Spectre.Console;

Demo[] demos = [new AckDemo()];

if (args is ["worker", .. var order]) return await Worker.Run(order);

var (name, address) = args switch
{
    [var demo] => (demo, null),
    [var demo, "--broker", var text] when IPEndPoint.TryParse(text, out var parsed) && parsed.Port != 0 => (demo, parsed),
    _ => ("", null),
};
if (Array.Find(demos, demo => demo.Name == name) is not { } chosen)
{
    Console.WriteLine("usage: amqpdemos <demo> [--broker <address>:<port>]   (without --broker each demo starts a broker of its own)");
    Console.WriteLine();
    foreach (var demo in demos) Console.WriteLine($"  {demo.Name,-8} {demo.Summary}");
    return args is [] or ["--help" or "-h"] ? 0 : 64;
}

// Plain text for files and pipes.
if (Console.IsOutputRedirected)
{
    AnsiConsole.Console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors });
    AnsiConsole.Profile.Width = 100;
}

// Ctrl-C ends the demo through its own cleaning up, so that no broker and no directory stays behind.
using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    interrupted.Cancel();
};

try
{
    await using var broker = address is null ? await BrokerProcess.Start(interrupted.Token) : null;
    return await chosen.Run(address ?? broker!.Address, interrupted.Token) ? 0 : 1;
}
catch (Exception) when (interrupted.IsCancellationRequested)
{
    return 130;
}
catch (DemoException e)
{
    AnsiConsole.MarkupLineInterpolated($"[red]{e.Message}[/]");
    return 1;
}
