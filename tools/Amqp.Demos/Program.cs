using System.Globalization;
using System.Net;
using Amqp.Demos;
using Spectre.Console;

Demo[] demos = [new AckDemo(), new ConfirmDemo(), new PersistenceDemo(), new PeakDemo(), new FailoverDemo()];

if (args is ["worker", .. var order]) return await Worker.Run(order);

if (args is not [var name, .. var rest] || Array.Find(demos, demo => demo.Name == name) is not { } chosen || Read(chosen, rest) is not { } given)
{
    Console.WriteLine("usage: amqpdemos <demo> [--broker <address>:<port>] [options]   (without --broker each demo starts what it needs)");
    Console.WriteLine();
    foreach (var demo in demos)
    {
        Console.WriteLine($"  {demo.Name,-12} {demo.Summary}");
        foreach (var option in demo.Options) Console.WriteLine($"  {"",-12}   --{option.Name} <number>  {option.Meaning} ({option.Default})");
    }
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
    return await chosen.Run(given.Broker, given.Options, interrupted.Token) ? 0 : 1;
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

// Null: not understood.
static (IPEndPoint? Broker, Dictionary<string, int> Options)? Read(Demo demo, string[] words)
{
    IPEndPoint? broker = null;
    var options = demo.Options.ToDictionary(option => option.Name, option => option.Default);
    foreach (var pair in words.Chunk(2))
    {
        if (pair is ["--broker", var text] && IPEndPoint.TryParse(text, out var address) && address.Port != 0) broker = address;
        else if (pair is [['-', '-', .. var option], var number] && options.ContainsKey(option) &&
            int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value > 0) options[option] = value;
        else return null;
    }
    return (broker, options);
}
