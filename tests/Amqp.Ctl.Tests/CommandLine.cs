namespace Amqp.Ctl.Tests;

/// <summary>Runs the tool as a shell would, inside this process.</summary>
internal static class CommandLine
{
    public static async Task<(int Code, string Output, string Error)> Run(string line)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var captured = new StringWriter();
        using var capturedError = new StringWriter();
        Console.SetOut(captured);
        Console.SetError(capturedError);
        try
        {
            var code = await Program.Main(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
            return (code, captured.ToString(), capturedError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
