using System.Reflection;

namespace Amqp.Testing;

/// <summary>Where the files of this repository are, seen from a running test.</summary>
public static class Repository
{
    /// <summary>The directory that holds <c>Amqp.sln</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Debug or Release: what this assembly, and so the tests, were built as.</summary>
    public static string Configuration { get; } =
        typeof(Repository).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "Debug";

    public static string PathOf(params ReadOnlySpan<string> parts) => Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Amqp.sln"))) return directory.FullName;
        }
        throw new InvalidOperationException($"no Amqp.sln above {AppContext.BaseDirectory}: the tests run from their build output");
    }
}
