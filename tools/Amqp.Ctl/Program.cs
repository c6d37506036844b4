using System.CommandLine;

namespace Amqp.Ctl;

internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        var root = new RootCommand("Operates an AMQP broker.");
        foreach (var command in Commands.All) root.Subcommands.Add(command);

        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors) Fail(error.Message);
            var path = parsed.CommandResult.Command.Parents.OfType<Command>().Append(parsed.CommandResult.Command).Where(command => command != root);
            await Console.Error.WriteLineAsync($"See `amqpctl {string.Concat(path.Select(command => $"{command.Name} "))}--help`.");
            return ExitCode.Usage;
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (OperationCanceledException)
        {
            return 130; // Ctrl-C, as shells count it
        }
        catch (Exception e)
        {
            Fail($"unexpected: {e}");
            return ExitCode.Software;
        }
    }

    public static void Fail(string message) => Console.Error.WriteLine($"Error: {message}");
}
