namespace Amqp.Ctl;

/// <summary>The exit codes of rabbitmqctl, which are those of sysexits.h: scripts tell failures apart by them.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 64;

    /// <summary>Data is damaged.</summary>
    public const int Data = 65;

    /// <summary>What was to be read is not there.</summary>
    public const int NoInput = 66;

    /// <summary>The broker is not there, or what answers is no broker; or a data directory cannot be used.</summary>
    public const int Unavailable = 69;

    /// <summary>A defect of this program.</summary>
    public const int Software = 70;

    /// <summary>What was waited for did not come in time.</summary>
    public const int Timeout = 75;
}
