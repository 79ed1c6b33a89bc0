// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorPreventLateQuorum} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorStorage} from "@openzeppelin/contracts/governance/extensions/GovernorStorage.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {GovernorVotesQuorumFraction} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {Errors} from "../libraries/Errors.sol";
import {Events} from "../libraries/Events.sol";
import {IRules, ISettlement} from "../interfaces/Modules.sol";

/// @title Governor: holders of gOPEN set the rules, through a timelock that is also the treasury.
/// @notice A proposal costs a fee in OPEN from the proposer's prepaid balance. It returns when the proposal reaches quorum.
contract OpenGovernor is
    Governor,
    GovernorSettings,
    GovernorCountingSimple,
    GovernorStorage,
    GovernorVotes,
    GovernorVotesQuorumFraction,
    GovernorTimelockControl,
    GovernorPreventLateQuorum
{
    struct Fee {
        address proposer;
        uint96 amount;
    }

    ISettlement public immutable settlement;
    IRules public immutable rules;

    mapping(uint256 proposalId => Fee) public feeOf;

    /// @dev Numbers argued for in docs/settlement-governance.md.
    constructor(IVotes token, TimelockController timelock, ISettlement settlement_, IRules rules_)
        Governor("OpenLedger")
        GovernorSettings(1 days, 7 days, 1_000 ether)
        GovernorVotes(token)
        GovernorVotesQuorumFraction(10)
        GovernorTimelockControl(timelock)
        GovernorPreventLateQuorum(2 days)
    {
        settlement = settlement_;
        rules = rules_;
    }

    /// @notice Settles the fee of a proposal whose vote is over: back to the proposer if it reached quorum, else to the treasury.
    /// Anyone may call it.
    function settleFee(uint256 proposalId) external {
        Fee memory fee = feeOf[proposalId];
        if (fee.amount == 0) revert Errors.NothingHere();
        ProposalState s = state(proposalId);
        if (s == ProposalState.Pending || s == ProposalState.Active) revert Errors.TooEarly();
        delete feeOf[proposalId];
        address to = _quorumReached(proposalId) ? fee.proposer : timelock();
        emit Events.ProposalFeeSettled(proposalId, to, fee.amount);
        settlement.move(address(this), to, fee.amount);
    }

    // ---- inside

    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal override(Governor, GovernorStorage) returns (uint256 proposalId) {
        proposalId = super._propose(targets, values, calldatas, description, proposer);
        uint96 fee = rules.version(settlement.rulesInForce()).proposalFee;
        if (fee != 0) {
            feeOf[proposalId] = Fee(proposer, fee);
            emit Events.ProposalFeePaid(proposalId, proposer, fee);
            settlement.move(proposer, address(this), fee);
        }
    }

    // ---- overrides that Solidity asks for

    function state(uint256 proposalId) public view override(Governor, GovernorTimelockControl) returns (ProposalState) {
        return super.state(proposalId);
    }

    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    function proposalDeadline(uint256 proposalId)
        public
        view
        override(Governor, GovernorPreventLateQuorum)
        returns (uint256)
    {
        return super.proposalDeadline(proposalId);
    }

    function _tallyUpdated(uint256 proposalId) internal override(Governor, GovernorPreventLateQuorum) {
        super._tallyUpdated(proposalId);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}
